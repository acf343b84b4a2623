#include "core/parallel.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "core/process_group.h"

namespace scalselect {
namespace {

std::atomic<int> chosen_threads{0};

constexpr int kMostThreads = 4096;

/// The number at the start of a variable; 0 if there is none.
int leading_number(std::string_view text, std::size_t& length) {
  int count = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
  length = static_cast<std::size_t>(end - text.data());
  return code == std::errc{} ? count : 0;
}

int from_environment() {
  std::size_t length = 0;
  if (const char* text = std::getenv("SCALSELECT_THREADS"); text != nullptr && *text != '\0') {
    const int count = leading_number(text, length);
    if (count >= 1 && count <= kMostThreads && text[length] == '\0') return count;
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("SCALSELECT_THREADS is '{}', which is not a number of threads from 1 to {}.", text, kMostThreads),
        "Set it to such a number, or unset it.");
  }
  // "4,2" is allowed there: threads of each level of nesting.
  const char* text = std::getenv("OMP_NUM_THREADS");
  return text == nullptr ? 0 : std::clamp(leading_number(text, length), 0, kMostThreads);
}

int cgroup_cores() {
  std::ifstream in("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(in >> quota >> period) || quota == "max" || period <= 0) return 0;
  return std::max(1, static_cast<int>(std::stod(quota) / period));
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = static_cast<int>(std::thread::hardware_concurrency());
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cores = CPU_COUNT(&set);
  const bool bound = cores < ::sysconf(_SC_NPROCESSORS_ONLN);  // srun and mpirun may have given each process its own
  if (const int quota = cgroup_cores(); quota > 0) cores = std::min(cores, quota);
  return std::max(1, bound ? cores : cores / process_group().local_size);
}

/// Starts up to `count` threads. A limit on processes or memory is not fatal: the caller does the work too.
void start_threads(std::vector<std::thread>& threads, std::size_t count, const std::function<void()>& work) {
  threads.reserve(count);
  try {
    while (threads.size() < count) threads.emplace_back(work);
  } catch (const std::exception& error) {
    static std::once_flag once;
    std::call_once(once, [&] {
      log_warning("Only {} of {} threads could be started ({}); continuing with these.", threads.size() + 1, count + 1,
                  error.what());
    });
  }
}

}  // namespace

int thread_count() {
  if (chosen_threads > 0) return chosen_threads;
  if (const int count = from_environment(); count > 0) return count;
  static const int cores = available_cores();
  return cores;
}

void set_threads(int count) { chosen_threads = count; }

void parallel_blocks(std::int64_t count, std::int64_t block,
                     const std::function<void(std::int64_t, std::int64_t)>& body) {
  const std::int64_t blocks = (count + block - 1) / block;
  const auto workers = std::min<std::int64_t>(thread_count(), blocks);
  if (workers <= 1) {
    for (std::int64_t b = 0; b < blocks; ++b) body(b * block, std::min(count, (b + 1) * block));
    return;
  }
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_lock;
  const auto work = [&] {
    for (std::int64_t b = next++; b < blocks; b = next++) {
      try {
        body(b * block, std::min(count, (b + 1) * block));
      } catch (...) {
        const std::lock_guard<std::mutex> lock(failure_lock);
        if (!failure) failure = std::current_exception();
        next = blocks;
      }
    }
  };
  std::vector<std::thread> threads;
  start_threads(threads, static_cast<std::size_t>(workers - 1), work);
  work();
  for (auto& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace scalselect
