// Plots as SVG, drawn by gnuplot from data files that stay beside them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/report/collect.h"
#include "experiments/report/table.h"

namespace scalselect::report {

struct Plot {
  std::string name;     ///< file name without extension: "performance"
  std::string caption;  ///< what it shows, one or two sentences
  std::string svg;      ///< the picture
};

/// Draws what the collection has data for, writes NAME.svg and NAME.csv into `folder`, and returns the pictures:
/// performance against budget, ranking, composition by source, training curves, energy spectra, score histograms. Of
/// many methods, curves, spectra and histograms show the best ones, scalselect and random.
/// Throws UserError(kEnvironment) if gnuplot is missing or fails.
std::vector<Plot> draw_plots(const Collection& collection, const std::vector<Table>& tables,
                             const std::filesystem::path& folder);

}  // namespace scalselect::report
