// What a person sees while the program works: log lines on stderr, and a progress line with rate and ETA.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace scalselect {

enum class LogLevel { kInfo, kWarning, kError, kSilent };

void set_log_level(LogLevel level);
/// One line. If stderr cannot be written it is silently lost.
void log_message(LogLevel level, const std::string& text) noexcept;

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}

/// Progress of a loop over `total` items: a bar that rewrites itself on a terminal (log lines appear above it), a line
/// every ten seconds elsewhere. Safe to advance from several threads. The last state is printed by the destructor.
class Progress {
 public:
  /// `label`: what is being done ("extracting"); `unit`: what is counted ("samples"; empty: only percentages are
  /// shown); `done`: where a resumed loop starts (not counted in the rate). total < 0: unknown.
  Progress(std::string label, std::string unit, std::int64_t total, std::int64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::int64_t items = 1);
  /// Extra text after the figures ("loss 1.234").
  void note(std::string text);

 private:
  using Time = std::chrono::steady_clock::time_point;
  void print(Time now, bool last);
  std::string label_, unit_, note_;
  std::int64_t total_, done_, first_done_;  ///< first_done_: at the first call of advance
  Time begin_, printed_, first_;
  bool started_ = false;
  bool terminal_;
  std::mutex lock_;
};

}  // namespace scalselect
