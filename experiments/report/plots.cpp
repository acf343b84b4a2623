#include "experiments/report/plots.h"

#include "experiments/report/comparison_plots.h"
#include "experiments/report/run_plots.h"

namespace scalselect::report {

std::vector<Plot> draw_plots(const Collection& collection, const std::vector<Table>& tables,
                             const std::filesystem::path& folder) {
  std::vector<Plot> plots;
  if (!methods_of(collection).empty()) {
    for (const auto& table : tables) {
      plots.push_back(plot_performance(collection, table, highlighted(collection, table), folder));
      if (has_ranking(table)) plots.push_back(plot_ranking(table, folder));
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
    if (!run->scores.empty()) plots.push_back(plot_histogram(*run, folder));
  }
  return plots;
}

}  // namespace scalselect::report
