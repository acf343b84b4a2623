#include "experiments/report/gnuplot.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>

#include "core/error.h"
#include "core/files.h"

namespace scalselect::report {
namespace fs = std::filesystem;

std::string run_gnuplot(const fs::path& folder, const std::string& name, const std::string& csv,
                        const std::string& script, int height) {
  const fs::path data = folder / (name + ".csv"), svg = folder / (name + ".svg"), program = folder / (name + ".gp");
  write_file_atomically(data, csv);
  write_file_atomically(
      program, fmt::format("set terminal svg size 560,{} dynamic font 'DejaVu Sans,14' background rgb 'white'\n"
                           "set output '{}'\nset datafile separator ','\nset datafile missing '-'\ndata = '{}'\n"
                           "set border 3 lc rgb '#555555'\nset tics nomirror\nset grid lc rgb '#dddddd' lw 1\nset key "
                           "outside right top\n{}",
                           height, svg.string(), data.string(), script));
  const int status = std::system(fmt::format("gnuplot '{}' 2> '{}.log'", program.string(), program.string()).c_str());
  if (status != 0 || !fs::exists(svg)) {
    throw UserError(ErrorKind::kEnvironment,
                    fmt::format("gnuplot could not draw '{}' (see '{}.log').", svg.string(), program.string()),
                    "Install it with scripts/setup.sh.");
  }
  fs::remove(program);
  fs::remove(program.string() + ".log");
  return read_file(svg);
}

std::string series_color(std::size_t index) {
  constexpr std::array<const char*, 8> kColors = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                  "#E69F00", "#56B4E9", "#000000", "#999933"};
  return kColors[index % kColors.size()];
}

}  // namespace scalselect::report
