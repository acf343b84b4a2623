#include "core/log.h"

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <vector>

#include "core/log_listener.h"

namespace scalselect {
namespace {

std::atomic<LogLevel> threshold{LogLevel::kInfo};
std::mutex output_lock;
std::mutex listener_lock;
std::vector<const LogListener::Listener*> listeners;

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug: ";
    case LogLevel::kWarning: return "warning: ";
    case LogLevel::kError: return "error: ";
    default: return "";
  }
}

/// What a listener throws (no memory) must not end the work that the message is about.
void tell_listeners(LogLevel level, const std::string& text) noexcept {
  try {
    const std::lock_guard<std::mutex> lock(listener_lock);
    for (const auto* listener : listeners) (*listener)(level, text);
  } catch (...) {
  }
}

std::string duration_text(double seconds) {
  const auto total = std::llround(seconds);
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

}  // namespace

void set_log_level(LogLevel level) { threshold = level; }

LogListener::LogListener(Listener listener) : listener_(std::move(listener)) {
  const std::lock_guard<std::mutex> lock(listener_lock);
  listeners.push_back(&listener_);
}

LogListener::~LogListener() {
  const std::lock_guard<std::mutex> lock(listener_lock);
  std::erase(listeners, &listener_);
}

void log_message(LogLevel level, const std::string& text) {
  tell_listeners(level, text);
  if (level < threshold) return;
  const std::lock_guard<std::mutex> lock(output_lock);
  fmt::print(stderr, "{}{}\n", name_of(level), text);
}

Progress::Progress(std::string label, std::string unit, std::int64_t total, std::int64_t done)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      start_(done),
      done_(done),
      begin_(std::chrono::steady_clock::now()),
      printed_(begin_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { print(true); }

void Progress::advance(std::int64_t items) {
  const std::lock_guard<std::mutex> lock(lock_);
  done_ += items;
  const auto now = std::chrono::steady_clock::now();
  if (now - printed_ < std::chrono::milliseconds(terminal_ ? 100 : 10000)) return;
  printed_ = now;
  print(false);
}

void Progress::note(std::string text) {
  const std::lock_guard<std::mutex> lock(lock_);
  note_ = std::move(text);
}

void Progress::print(bool last) {
  if (threshold > LogLevel::kInfo) return;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_ - start_) / seconds : 0;
  std::string line = label_ + ": " + std::to_string(done_);
  if (total_ >= 0) {
    line += fmt::format(" / {} ({:.0f} %)", total_,
                        total_ > 0 ? 100.0 * static_cast<double>(done_) / static_cast<double>(total_) : 100.0);
  }
  line += fmt::format(" {}, {:.4g}/s", unit_, rate);
  if (last) line += ", took " + duration_text(seconds);
  else if (total_ >= 0 && rate > 0) line += ", ETA " + duration_text(static_cast<double>(total_ - done_) / rate);
  if (!note_.empty()) line += ", " + note_;
  const std::lock_guard<std::mutex> lock(output_lock);
  if (terminal_) fmt::print(stderr, "\r\033[K{}{}", line, last ? "\n" : "");
  else fmt::print(stderr, "{}\n", line);
  std::fflush(stderr);
}

}  // namespace scalselect
