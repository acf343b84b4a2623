// A thin wrapper of gnuplot: data in, SVG out.
#pragma once

#include <filesystem>
#include <string>

namespace scalselect::report {

constexpr int kPlotHeight = 370;  ///< of 560 in width; the picture scales

/// Commands that put the key, which names a line that marks something, above the picture, where no data is.
inline constexpr char kKeyAbove[] = "set key outside top center horizontal font ',11' samplen 2\n";

/// Writes `csv` to FOLDER/NAME.csv, runs `script` (which may name the data as `data`), and returns FOLDER/NAME.svg's
/// text. Terminal, fonts, colours and separators are set before the script. Throws UserError(kEnvironment).
std::string run_gnuplot(const std::filesystem::path& folder, const std::string& name, const std::string& csv,
                        const std::string& script, int height = kPlotHeight);

/// Colour-blind safe (Okabe and Ito), one per method, the same everywhere in a report.
std::string series_color(std::size_t index);

}  // namespace scalselect::report
