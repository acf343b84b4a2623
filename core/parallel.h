// Data-parallel loops with results that do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <functional>

namespace scalselect {

/// Number of threads for loops: `set_threads`, else SCALSELECT_THREADS, else OMP_NUM_THREADS, else the cores that this
/// process may run on (affinity and cgroup quota respected), divided among the processes of its group on this machine
/// unless each is bound to cores of its own. Throws UserError(kUsage) if SCALSELECT_THREADS is not a number from 1 to
/// 4096, or as process_group().
int thread_count();
void set_threads(int count);

/// Runs `body(begin, end)` over [0, count) cut into blocks of `block` items. Blocks are the same whatever the thread
/// count, so a caller that keeps one partial result per block and adds them in block order is deterministic.
/// If the system starts fewer threads than requested, those do the work, and one warning says so.
/// The first exception thrown by a body is rethrown here after all threads have stopped.
void parallel_blocks(std::int64_t count, std::int64_t block,
                     const std::function<void(std::int64_t begin, std::int64_t end)>& body);

}  // namespace scalselect
