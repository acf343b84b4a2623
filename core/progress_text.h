// The text of a progress line, apart from where it is shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace scalselect {

/// What is known of a loop at one moment.
struct ProgressFigures {
  std::string label, unit, note;
  std::int64_t total = -1, done = 0;
  std::int64_t rated = 0;    ///< items that came after the first report,
  double rated_seconds = 0;  ///< in this time: what came before it (loading a model) tells nothing about the rate
  double seconds = 0;        ///< since the loop began
  bool last = false;
};

/// "extracting: 12 / 100 (12 %) samples, 3.4/s, ETA 0:26, NOTE". Without a unit: "LABEL: 12 %, ETA 0:26, NOTE". The
/// ETA waits for a rate that means something: for a hundredth of the way in 5 seconds or more, or for a minute.
std::string progress_text(const ProgressFigures& figures);

/// The first `width` characters of a text in UTF-8.
std::string_view cut_to_width(std::string_view text, std::size_t width);

/// Columns of the terminal behind a descriptor: COLUMNS, else what the terminal says, else 80.
std::size_t terminal_width(int handle);

}  // namespace scalselect
