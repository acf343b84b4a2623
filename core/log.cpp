#include "core/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string_view>
#include <vector>

#include "core/log_listener.h"
#include "core/progress_text.h"

namespace scalselect {
namespace {

std::atomic<LogLevel> threshold{LogLevel::kInfo};
std::mutex output_lock;
std::mutex listener_lock;
std::vector<const LogListener::Listener*> listeners;

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kWarning: return "warning: ";
    case LogLevel::kError: return "error: ";
    default: return "";
  }
}

/// An exception of a listener (no memory) must not end the work that the message is about.
void tell_listeners(LogLevel level, const std::string& text) noexcept {
  try {
    const std::lock_guard<std::mutex> lock(listener_lock);
    for (const auto* listener : listeners) (*listener)(level, text);
  } catch (...) {
  }
}

/// The progress bar that is on the terminal without a newline, if any. Guarded by output_lock.
std::string live_bar;

/// Never throws: a message that cannot be written must not end the work that it is about.
void put(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

constexpr char kClearLine[] = "\r\033[K";

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

void log_message(LogLevel level, const std::string& text) noexcept {
  tell_listeners(level, text);
  if (level < threshold) return;
  try {
    const std::lock_guard<std::mutex> lock(output_lock);
    put((live_bar.empty() ? "" : kClearLine) + (name_of(level) + text) + "\n" + live_bar);
  } catch (...) {  // no memory for the line
    put(text);
    put("\n");
  }
}

Progress::Progress(std::string label, std::string unit, std::int64_t total, std::int64_t done)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      done_(done),
      first_done_(done),
      begin_(std::chrono::steady_clock::now()),
      printed_(begin_),
      first_(begin_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  try {
    print(std::chrono::steady_clock::now(), true);
  } catch (...) {  // no memory for the line
  }
}

void Progress::advance(std::int64_t items) {
  const std::lock_guard<std::mutex> lock(lock_);
  const auto now = std::chrono::steady_clock::now();
  done_ += items;
  if (!std::exchange(started_, true)) {
    first_ = now;
    first_done_ = done_;
  }
  if (now - printed_ < std::chrono::milliseconds(terminal_ ? 100 : 10000)) return;
  printed_ = now;
  print(now, false);
}

void Progress::note(std::string text) {
  const std::lock_guard<std::mutex> lock(lock_);
  note_ = std::move(text);
}

void Progress::print(Time now, bool last) {
  if (threshold > LogLevel::kInfo) return;
  const auto since = [&](Time then) { return std::chrono::duration<double>(now - then).count(); };
  const std::string text =
      progress_text({label_, unit_, note_, total_, done_, done_ - first_done_, since(first_), since(begin_), last});
  const std::lock_guard<std::mutex> lock(output_lock);
  if (!terminal_) return put(text + "\n");
  // One column stays free: some terminals start a new line when the last one is filled.
  const std::string line(cut_to_width(text, terminal_width(STDERR_FILENO) - 1));
  put(kClearLine + line + (last ? "\n" : ""));
  live_bar = last ? "" : line;
}

}  // namespace scalselect
