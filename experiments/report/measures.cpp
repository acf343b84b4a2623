#include "experiments/report/measures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace scalselect::report {
namespace {

/// Numbers that papers give for one benchmark or another. Of a part ("adversarial_f1") where a column shows that part.
const std::set<std::string> kShown = {"f1",    "accuracy", "precision", "perception", "cognition",
                                      "total", "anls",     "relaxed",   "vanilla_0",  "yes_ratio"};

bool is_measure(const eval::ScoredBenchmark& scored, const eval::Metric& metric) {
  if (metric.column || kShown.contains(metric.name)) return true;
  const auto part = metric.name.find('_');
  if (part == std::string::npos) return false;
  const auto end = metric.name.substr(part + 1);
  if (end != "f1" && end != "accuracy") return false;
  return std::any_of(scored.metrics.begin(), scored.metrics.end(), [&](const eval::MetricStats& other) {
    return other.metric.column && other.metric.name.starts_with(metric.name.substr(0, part + 1));
  });
}

/// The benchmark with its measures as columns, as they are to be printed; without metrics if it has no more of them
/// than the main table shows.
eval::ScoredBenchmark with_measures(const eval::ScoredBenchmark& scored, const std::string& display) {
  eval::ScoredBenchmark result{scored.name, scored.family, scored.clusters, {}, scored.unreadable};
  bool more = false;
  for (const auto& stats : scored.metrics) {
    if (!is_measure(scored, stats.metric)) continue;
    more = more || !stats.metric.column;
    result.metrics.push_back(stats);
    auto& metric = result.metrics.back().metric;
    metric.column = true;
    if (metric.name == "f1") metric.display = display + " F1";
    if (metric.name == "total") metric.display = display + " total";
  }
  if (!more) result.metrics.clear();
  return result;
}

ColumnOrigin origin_of(const ReportRun& run, std::size_t benchmark) {
  if (benchmark >= run.sheets.size()) return {run.benchmarks[benchmark].name, {}, {}};
  const auto& sheet = run.sheets[benchmark];
  return {sheet.benchmark, sheet.kind, sheet.language};
}

}  // namespace

std::vector<ColumnOrigin> column_origins(const ReportRun& run) {
  std::vector<ColumnOrigin> origins;
  for (std::size_t b = 0; b < run.benchmarks.size(); ++b) {
    for (const auto& stats : run.benchmarks[b].metrics) {
      if (stats.metric.column) origins.push_back(origin_of(run, b));
    }
  }
  return origins;
}

Measures make_measures(const Collection& collection, const std::string& regime, const eval::BootstrapOptions& options) {
  auto runs = method_runs(collection, regime);
  const auto first = std::find_if(collection.runs.begin(), collection.runs.end(),
                                  [&](const ReportRun& run) { return run.regime == regime; });
  std::vector<ColumnOrigin> origins;
  for (auto& run : runs) {
    std::vector<eval::ScoredBenchmark> kept;
    for (std::size_t b = 0; b < run.benchmarks.size(); ++b) {
      const bool known = b < first->sheets.size();
      auto measured = with_measures(run.benchmarks[b], known ? first->sheets[b].display : run.benchmarks[b].name);
      if (measured.metrics.empty()) continue;
      if (&run == &runs.front()) origins.insert(origins.end(), measured.metrics.size(), origin_of(*first, b));
      kept.push_back(std::move(measured));
    }
    run.benchmarks = std::move(kept);
  }
  Measures measures;
  if (runs.empty() || runs.front().benchmarks.empty()) return measures;
  auto fewer = options;
  fewer.replicates = std::max<std::int64_t>(1, options.replicates / 5);
  const eval::PairedBootstrap bootstrap(runs, runs.front().method, fewer);
  measures.columns = bootstrap.columns();
  measures.origins = std::move(origins);
  for (const auto& method : bootstrap.methods()) {
    auto& cells = measures.cells.emplace_back();
    for (std::size_t column = 0; column < measures.columns.size(); ++column) {
      const auto summary = eval::summarize_seeds(bootstrap.column_by_seed(method, column));
      cells.push_back({summary.mean, summary.std, bootstrap.column(method, column).interval});
    }
  }
  return measures;
}

Grid measures_grid(const Measures& measures, const std::vector<std::string>& names) {
  Grid grid{{"measure"}, {}, {}};
  if (measures.columns.empty()) return grid;
  for (std::size_t row = 0; row < names.size(); ++row) {
    grid.rows.push_back(plain_row({names[row]}));
    for (const auto& cell : measures.cells[row]) grid.rows.back().cells.push_back({cell_text(cell)});
  }
  auto chance = plain_row({"chance"}, true), majority = plain_row({"constant answer"}, true);
  for (const auto& metric : measures.columns) {
    grid.header.push_back(metric.display + (metric.higher_is_better ? "" : " ↓"));
    chance.cells.push_back({fmt::format("{:.1f}", metric.chance)});
    majority.cells.push_back({fmt::format("{:.1f}", metric.majority)});
  }
  grid.rows.push_back(std::move(chance));
  grid.rows.push_back(std::move(majority));
  return grid;
}

std::string cell_text(const TableCell& cell) {
  if (std::isnan(cell.mean)) return "–";
  return std::isnan(cell.std) ? fmt::format("{:.1f}", cell.mean) : fmt::format("{:.1f} ± {:.1f}", cell.mean, cell.std);
}

}  // namespace scalselect::report
