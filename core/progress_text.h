// The text of a progress line, independent of where it is shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace scalselect {

/// The state of a loop at one moment.
struct ProgressFigures {
  std::string label, unit, note;
  std::int64_t total = -1, done = 0;
  std::int64_t rated = 0;    ///< items that came after the first report,
  double rated_seconds = 0;  ///< in this time: what came before (loading a model) says nothing about the rate
  double seconds = 0;        ///< since the loop began
  bool last = false;
};

/// "extracting: 12 / 100 (12 %) samples, 3.4/s, ETA 0:26, NOTE". Without a unit: "LABEL: 12 %, ETA 0:26, NOTE". The
/// ETA appears once the rate is meaningful: after a hundredth of the items and 5 seconds, or after a minute.
std::string progress_text(const ProgressFigures& figures);

/// The first `width` characters of a text in UTF-8.
std::string_view cut_to_width(std::string_view text, std::size_t width);

/// Columns of a descriptor's terminal: COLUMNS, else what the terminal reports, else 80.
std::size_t terminal_width(int handle);

}  // namespace scalselect
