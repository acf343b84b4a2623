// Data-parallel loops with results that do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <functional>

namespace scalselect {

/// Threads that loops may use: `set_threads`, else SCALSELECT_THREADS, else OMP_NUM_THREADS, else the cores this
/// process may run on (affinity and cgroup quota respected). Throws UserError(kUsage) if SCALSELECT_THREADS is not a
/// number from 1 to 4096.
int thread_count();
void set_threads(int count);

/// Runs `body(begin, end)` over [0, count) cut into blocks of `block` items. Blocks are the same whatever the thread
/// count, so a caller that keeps one partial result per block and adds them in block order is deterministic.
/// Where the system starts fewer threads than asked for, those do the work, and a warning says so once.
/// The first exception thrown by a body is rethrown here after all threads have stopped.
void parallel_blocks(std::int64_t count, std::int64_t block,
                     const std::function<void(std::int64_t begin, std::int64_t end)>& body);

}  // namespace scalselect
