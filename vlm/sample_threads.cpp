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

/// Samples that the GPU was seen to hold; what one block of samples taught serves the next.
std::atomic<int> most_at_once{1 << 20};

/// A counting semaphore. (That of GCC 12's library can sleep through a release: its bug 104928.)
class Places {
 public:
  explicit Places(int free) : free_(free) {}
  void take() {
    std::unique_lock lock(mutex_);
    given_.wait(lock, [&] { return free_ > 0; });
    --free_;
  }
  void give() {
    {
      const std::lock_guard lock(mutex_);
      ++free_;
    }
    given_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  int free_;
};

class Seat {
 public:
  explicit Seat(Places& places) : places_(places) { places_.take(); }
  ~Seat() { places_.give(); }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

 private:
  Places& places_;
};

/// On an H200 with 16 threads, extraction with 7B weights in bfloat16: 54 samples/s with one place, 64 with two, 84
/// with four, 78 with sixteen (results/gpu).
constexpr int kTurns = 4;

Places& turns() {
  static Places places(kTurns);
  return places;
}

thread_local bool has_turn = false;

[[noreturn]] void gpu_is_full() {
  throw UserError(ErrorKind::kEnvironment, "The GPU's memory does not hold one sample beside the model.",
                  "Use model.dtype=bfloat16, a smaller model.max_pixels, or device=cpu.");
}

}  // namespace

DeviceTurn::DeviceTurn(torch::Device device) : taken_(!device.is_cpu() && !has_turn) {
  if (!taken_) return;
  turns().take();
  has_turn = true;
}

DeviceTurn::~DeviceTurn() {
  if (!taken_) return;
  has_turn = false;
  turns().give();
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
    const int side_by_side = std::min(most_at_once.load(), thread_count());
    Places gate(side_by_side);
    std::atomic<bool> full = false;
    parallel_blocks(count, 1, [&](std::int64_t begin, std::int64_t end) {
      at::set_num_threads(1);
      torch::NoGradGuard no_grad;
      for (std::int64_t i = begin; i < end; ++i) {
        if (done[static_cast<std::size_t>(i)] != 0) continue;
        const Seat seat(gate);
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
    const int held = compute_device().cuda ? std::min(side_by_side, kTurns) : side_by_side;
    if (held == 1) gpu_is_full();
    most_at_once = held / 2;
    log_warning("the GPU's memory does not hold {} samples side by side: going on with {}", held, held / 2);
  }
}

}  // namespace scalselect::vlm
