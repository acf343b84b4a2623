#include "core/progress_text.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/utf8.h"

namespace scalselect {
namespace {

std::string duration_text(double seconds) {
  const auto total = std::llround(seconds);
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

/// In the smallest unit of time in which the number is at least one.
std::string rate_text(double per_second) {
  if (per_second >= 10) return fmt::format("{:.0f}/s", per_second);
  if (per_second >= 1) return fmt::format("{:.1f}/s", per_second);
  if (per_second * 60 >= 1) return fmt::format("{:.1f}/min", per_second * 60);
  return fmt::format("{:.1f}/h", per_second * 3600);
}

bool rate_means_something(const ProgressFigures& figures) {
  const auto before = figures.done - figures.rated;
  const bool part_of_the_way = 100 * figures.rated >= figures.total - before;
  return figures.rated > 0 && (figures.rated_seconds >= 60 || (figures.rated_seconds >= 5 && part_of_the_way));
}

}  // namespace

std::string progress_text(const ProgressFigures& figures) {
  const double percent =
      figures.total > 0 ? 100.0 * static_cast<double>(figures.done) / static_cast<double>(figures.total) : 100.0;
  const double rate = figures.rated_seconds > 0 ? static_cast<double>(figures.rated) / figures.rated_seconds : 0;
  std::string text = figures.label + ": ";
  if (figures.unit.empty()) {
    text += fmt::format("{:.0f} %", percent);
  } else {
    text += std::to_string(figures.done);
    if (figures.total >= 0) text += fmt::format(" / {} ({:.0f} %)", figures.total, percent);
    text += " " + figures.unit;
    if (rate > 0) text += ", " + rate_text(rate);
  }
  if (figures.last) text += ", took " + duration_text(figures.seconds);
  else if (figures.total >= 0 && rate_means_something(figures))
    text += ", ETA " + duration_text(static_cast<double>(figures.total - figures.done) / rate);
  if (!figures.note.empty()) text += ", " + figures.note;
  return text;
}

std::string_view cut_to_width(std::string_view text, std::size_t width) {
  std::size_t at = 0;
  for (; width > 0 && at < text.size(); --width) at += decode_utf8(text, at).bytes;
  return text.substr(0, std::min(at, text.size()));
}

std::size_t terminal_width(int handle) {
  const char* columns = std::getenv("COLUMNS");
  if (const int asked = columns == nullptr ? 0 : std::atoi(columns); asked > 0) return static_cast<std::size_t>(asked);
  winsize size{};
  return ::ioctl(handle, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace scalselect
