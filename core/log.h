// What a person sees while we work: log lines on stderr, and a progress line with rate and ETA.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace scalselect {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kSilent };

void set_log_level(LogLevel level);
void log_message(LogLevel level, const std::string& text);

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}

/// Progress of a loop over `total` items: a bar that rewrites itself on a terminal, a line every ten seconds elsewhere.
/// Safe to advance from several threads. The last state is printed by the destructor.
class Progress {
 public:
  /// `label`: what is being done ("extracting"); `unit`: what is counted ("samples"); `done`: where a resumed loop
  /// starts (not counted in the rate). total < 0: unknown.
  Progress(std::string label, std::string unit, std::int64_t total, std::int64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::int64_t items = 1);
  /// Extra text behind the figures ("loss 1.234").
  void note(std::string text);

 private:
  void print(bool last);
  std::string label_, unit_, note_;
  std::int64_t total_, start_, done_;
  std::chrono::steady_clock::time_point begin_, printed_;
  bool terminal_;
  std::mutex lock_;
};

}  // namespace scalselect
