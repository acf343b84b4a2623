#include "vlm/sample_threads.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "core/device.h"
#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"

namespace scalselect::vlm {
namespace {

/// Samples that the GPU is known to hold, as learned from earlier blocks.
std::atomic<int> most_at_once{1 << 20};

/// A counting semaphore, for std::lock_guard. (That of GCC 12's library can sleep through a release: its bug 104928.)
class Semaphore {
 public:
  explicit Semaphore(int free) : free_(free) {}
  void lock() {
    std::unique_lock lock(mutex_);
    released_.wait(lock, [&] { return free_ > 0; });
    --free_;
  }
  void unlock() {
    {
      const std::lock_guard lock(mutex_);
      ++free_;
    }
    released_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable released_;
  int free_;
};

/// On an H200 with 16 threads, extraction with 7B weights in bfloat16: 54 samples/s with one permit, 64 with two, 84
/// with four, 78 with sixteen (results/gpu).
constexpr int kDevicePermits = 4;

Semaphore& device_semaphore() {
  static Semaphore semaphore(kDevicePermits);
  return semaphore;
}

thread_local bool has_permit = false;

}  // namespace

void gpu_is_full() {
  throw UserError(ErrorKind::kEnvironment, "The GPU's memory does not hold one sample besides the model.",
                  "Use model.dtype=bfloat16, a smaller model.max_pixels, or device=cpu.");
}

DevicePermit::DevicePermit(torch::Device device) : acquired_(!device.is_cpu() && !has_permit) {
  if (!acquired_) return;
  device_semaphore().lock();
  has_permit = true;
}

DevicePermit::~DevicePermit() {
  if (!acquired_) return;
  has_permit = false;
  device_semaphore().unlock();
}

void samples_in_turn(std::int64_t count, const std::function<void(std::int64_t)>& body) {
  const OperatorThreads all(thread_count());
  torch::NoGradGuard no_grad;
  try {
    for (std::int64_t i = 0; i < count; ++i) body(i);
  } catch (const c10::OutOfMemoryError&) {
    gpu_is_full();
  }
}

void parallel_samples(std::int64_t count, const std::function<void(std::int64_t)>& body) {
  const OperatorThreads single;
  std::vector<char> done(static_cast<std::size_t>(count), 0);
  while (true) {
    const int concurrent = std::min(most_at_once.load(), thread_count());
    Semaphore semaphore(concurrent);
    std::atomic<bool> full = false;
    parallel_blocks(count, 1, [&](std::int64_t begin, std::int64_t end) {
      at::set_num_threads(1);
      torch::NoGradGuard no_grad;
      for (std::int64_t i = begin; i < end; ++i) {
        if (done[static_cast<std::size_t>(i)] != 0) continue;
        const std::lock_guard permit(semaphore);
        if (full) continue;
        try {
          body(i);
          done[static_cast<std::size_t>(i)] = 1;
        } catch (const c10::OutOfMemoryError&) {
          full = true;
        }
      }
    });
    if (!full) return;
    const int held = compute_device().cuda ? std::min(concurrent, kDevicePermits) : concurrent;
    if (held == 1) gpu_is_full();
    most_at_once = held / 2;
    log_warning("the GPU's memory does not hold {} samples at a time: continuing with {}", held, held / 2);
  }
}

}  // namespace scalselect::vlm
