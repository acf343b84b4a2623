// Ctrl-C, a closed terminal, a scheduler's SIGTERM: the process shuts down in good order.
#pragma once

#include <functional>
#include <thread>

namespace scalselect {

/// Exit code of an interrupted process, whichever signal it was.
inline constexpr int kInterruptedExit = 130;

/// While one lives, SIGINT, SIGTERM and SIGHUP (unless they are ignored, as under nohup) end the process:
/// `last_words(signal)` runs in a thread of its own while the program continues, then the process exits with
/// kInterruptedExit; child processes that asked for a signal on their parent's death get it. A second signal ends it at
/// once. One guard at a time.
class InterruptGuard {
 public:
  explicit InterruptGuard(std::function<void(int signal)> last_words);
  /// Does not return if a signal has arrived: the process then ends here.
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// True once a signal has arrived: a child that dies after that has not failed.
  static bool interrupted() noexcept;

 private:
  int pipe_[2];
  std::thread watcher_;
};

/// "SIGINT" of 2.
const char* signal_name(int signal) noexcept;

}  // namespace scalselect
