#include "experiments/report/plots.h"

#include <algorithm>
#include <cmath>

#include "experiments/report/comparison_plots.h"
#include "experiments/report/run_plots.h"

namespace scalselect::report {

std::vector<Plot> draw_plots(const Collection& collection, const std::vector<Table>& tables,
                             const std::filesystem::path& folder) {
  std::vector<Plot> plots;
  if (!methods_of(collection).empty()) {
    for (const auto& table : tables) {
      if (!has_ranking(table)) continue;  // the table's notes say why
      plots.push_back(plot_performance(collection, table, highlighted(collection, table), folder));
      plots.push_back(plot_ranking(table, folder));
    }
    plots.push_back(plot_composition(collection, folder));
  }
  for (const auto& table : tables) {
    if (has_losses(collection, table.regime))
      plots.push_back(plot_training(collection, table.regime, highlighted(collection, table), folder));
  }
  for (const auto& method : highlighted(collection, tables.front())) {
    const auto* run = sample_run(collection, method);
    if (run->facts.contains("spectrum")) plots.push_back(plot_spectrum(*run, folder));
    if (std::any_of(run->scores.begin(), run->scores.end(), [](double score) { return std::isfinite(score); }))
      plots.push_back(plot_histogram(*run, folder));
  }
  return plots;
}

}  // namespace scalselect::report
