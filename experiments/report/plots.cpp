#include "experiments/report/plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/report/comparison_plots.h"
#include "experiments/report/gnuplot.h"

namespace scalselect::report {
namespace fs = std::filesystem;
namespace {

/// Counts over the scores of `run`, which must have some, with the lowest chosen score marked.
Plot plot_histogram(const ReportRun& run, const fs::path& folder) {
  std::vector<double> scores;
  for (const double score : run.scores) {
    if (std::isfinite(score)) scores.push_back(score);
  }
  const auto [low, high] = std::minmax_element(scores.begin(), scores.end());
  constexpr int kBins = 50;
  const double width = std::max(*high - *low, 1e-12) / kBins;
  std::vector<int> counts(kBins, 0);
  for (const double score : scores) ++counts[static_cast<std::size_t>(std::min(kBins - 1.0, (score - *low) / width))];
  std::string csv = "score,samples\n";
  for (int i = 0; i < kBins; ++i)
    csv += fmt::format("{},{}\n", *low + (i + 0.5) * width, counts[static_cast<std::size_t>(i)]);
  double cut = *high;
  for (const auto row : run.rows) cut = std::min(cut, run.scores[static_cast<std::size_t>(row)]);
  const std::string name = "scores-" + run.method;
  return {
      name,
      fmt::format(
          "Scores of {} over {} samples (logarithmic counts); the dashed line is the lowest score chosen at {}.",
          run.method, scores.size(), run.budget.label()),
      run_gnuplot(folder, name, csv,
                  fmt::format("set termoption noenhanced\nset logscale y\nset yrange [0.8:*]\nset xlabel 'score'\nset "
                              "ylabel 'samples'\nset boxwidth {} absolute\nset style fill solid 0.7\n{}"
                              "set arrow from {},graph 0 to {},graph 1 nohead dt 2 lc rgb '#D55E00' lw 2\nplot data "
                              "using 1:($2 > 0 ? $2 : NaN) with boxes lc rgb '#0072B2' notitle, NaN with lines dt 2 lw "
                              "2 lc rgb '#D55E00' title 'lowest score that was chosen'\n",
                              0.9 * width, kKeyAbove, cut, cut))};
}

/// Energy against the number of directions, from the selection's fact `spectrum`.
Plot plot_spectrum(const ReportRun& run, const fs::path& folder) {
  const auto energies = run.facts["spectrum"].get<std::vector<double>>();
  const double total = std::accumulate(energies.begin(), energies.end(), 0.0);
  std::string csv = "k,share\n";
  double sum = 0;
  for (std::size_t i = 0; i < energies.size(); ++i) {
    sum += energies[i];
    csv += fmt::format("{},{}\n", i + 1, 100 * sum / total);
  }
  const auto k = run.facts.value("k", std::int64_t{0});
  const std::string name = "spectrum-" + run.method;
  return {
      name,
      fmt::format("Energy held by the first k directions of {}'s representations; k = {} were kept.", run.method, k),
      run_gnuplot(folder, name, csv,
                  fmt::format("set termoption noenhanced\nset logscale x\nset xlabel 'directions k'\nset ylabel "
                              "'energy, %'\nset yrange [0:101]\n{}"
                              "set arrow from {},graph 0 to {},graph 1 nohead dt 2 lc rgb '#D55E00' lw 2\nplot data "
                              "using 1:2 with lines lw 2 lc rgb '#0072B2' notitle, NaN with lines dt 2 lw 2 lc rgb "
                              "'#D55E00' title 'kept: k = {}'\n",
                              kKeyAbove, std::max<std::int64_t>(k, 1), std::max<std::int64_t>(k, 1), k))};
}

}  // namespace

std::vector<Plot> draw_plots(const Collection& collection, const std::vector<Table>& tables, const fs::path& folder) {
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
