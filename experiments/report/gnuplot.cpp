#include "experiments/report/gnuplot.h"

#include <fmt/format.h>

#include <array>

#include "core/error.h"
#include "core/files.h"
#include "core/subprocess.h"
#include "experiments/report/text.h"

namespace scalselect::report {
namespace fs = std::filesystem;

std::string run_gnuplot(const fs::path& folder, const std::string& name, const std::string& csv,
                        const std::string& script, int height) {
  // gnuplot starts in the folder and prints the picture: no path has to pass through its language, and the picture's
  // file is written like any other, in full or not at all.
  const std::string stem = file_name(name);
  const fs::path svg = folder / (stem + ".svg"), program = folder / (stem + ".gp");
  write_file_atomically(folder / (stem + ".csv"), csv);
  write_file_atomically(
      program, fmt::format("set terminal svg size 560,{} dynamic font 'DejaVu Sans,14' background rgb 'white'\n"
                           "set datafile separator ','\nset datafile missing '-'\ndata = {}\n"
                           "set border 3 lc rgb '#555555'\nset tics nomirror\nset grid lc rgb '#dddddd' lw 1\nset key "
                           "outside right top\n{}",
                           height, gnuplot_text(stem + ".csv"), script));
  const auto drawn = run_program({"gnuplot", "--default-settings", "./" + stem + ".gp"}, folder);
  fs::remove(program);
  if (drawn.status == -1) {
    throw UserError(ErrorKind::kEnvironment, "gnuplot, which draws the plots, cannot be started: " + drawn.err + ".",
                    "Install gnuplot (Debian: gnuplot-nox).");
  }
  if (drawn.status != 0 || drawn.out.find("</svg>") == std::string::npos) {
    throw UserError(ErrorKind::kEnvironment,
                    fmt::format("gnuplot could not draw '{}': {}.", svg.string(),
                                drawn.err.empty() ? "it printed no picture" : one_line(drawn.err)),
                    "Check its installation and free space.");
  }
  write_file_atomically(svg, drawn.out);
  return drawn.out;
}

std::string series_color(std::size_t index) {
  constexpr std::array<const char*, 8> kColors = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                  "#E69F00", "#56B4E9", "#000000", "#999933"};
  return kColors[index % kColors.size()];
}

}  // namespace scalselect::report
