#include "experiments/report/comparison_plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <unordered_map>

#include "experiments/report/gnuplot.h"
#include "experiments/report/text.h"

namespace scalselect::report {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kColored = 8;       // as many as series_color has
constexpr std::size_t kLegibleBars = 20;  // beside each other, with names of usual size

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The budget with the most runs, the largest of equals; the full pool does not count.
std::string fullest_budget(const Table& table) {
  std::vector<std::pair<std::int64_t, std::string>> counts;  // runs, budget
  for (const auto& row : table.rows) {
    if (row.method == "full") continue;
    auto found =
        std::find_if(counts.begin(), counts.end(), [&](const auto& count) { return count.second == row.budget; });
    if (found == counts.end()) found = counts.insert(counts.end(), {0, row.budget});
    found->first += row.seeds;
  }
  // Budgets are in ascending order: of equals the last.
  const auto best =
      std::max_element(counts.rbegin(), counts.rend(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return best == counts.rend() ? std::string() : best->second;
}

/// Rows of one budget, the best first.
std::vector<const TableRow*> ranked_rows(const Table& table, const std::string& budget) {
  std::vector<const TableRow*> rows;
  for (const auto& row : table.rows) {
    // Where the full pool scores 0 in a column nothing is relative to it.
    const bool comparable = row.method != "full" && !std::isnan(row.relative.value);
    if (comparable && row.budget == budget) rows.push_back(&row);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto* a, const auto* b) { return a->relative.value > b->relative.value; });
  return rows;
}

/// "lo,hi", a bar of no length where there is no interval.
std::string bar_of(const TableRow& row) {
  const auto& [value, interval] = std::pair(row.relative.value, row.relative.interval);
  const bool known = !std::isnan(interval.low) && !std::isnan(interval.high);
  return fmt::format("{},{}", known ? interval.low : value, known ? interval.high : value);
}

/// Pool sources are "skill/scene" in the mini world; the part before the slash alone keeps the legend readable.
std::string shown_source(const std::string& source) {
  return source.empty() ? "(none)" : source.substr(0, source.find('/'));
}

/// The source of each row as a number into `names`.
std::vector<std::uint32_t> sources_of(const Pool& pool, std::vector<std::string>& names) {
  std::unordered_map<std::string, std::uint32_t> known;
  std::vector<std::uint32_t> sources;
  pool.for_each([&](const Sample& sample) {
    const auto [entry, fresh] = known.emplace(shown_source(sample.source), static_cast<std::uint32_t>(names.size()));
    if (fresh) names.push_back(entry->first);
    sources.push_back(entry->second);
  });
  return sources;
}

/// Mean over the `window` values that end at each place (fewer at the beginning).
std::vector<double> running_mean(const std::vector<double>& values, std::size_t window) {
  std::vector<double> means;
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += values[i] - (i >= window ? values[i - window] : 0);
    means.push_back(sum / static_cast<double>(std::min(i + 1, window)));
  }
  return means;
}

/// One run per method, the full pool included: its first at the largest budget under this regime.
std::vector<const ReportRun*> curves_of(const Collection& collection, const std::string& regime,
                                        const std::vector<std::string>& shown) {
  std::vector<const ReportRun*> curves;
  for (const auto& run : collection.runs) {
    if (run.regime != regime || run.losses.empty() || !(run.is_full() || contains(shown, run.method))) continue;
    const auto twin =
        std::find_if(curves.begin(), curves.end(), [&](auto* other) { return other->method == run.method; });
    if (twin == curves.end()) curves.push_back(&run);
    else if (run.share() > (*twin)->share()) *twin = &run;
  }
  return curves;
}

}  // namespace

std::vector<std::string> methods_of(const Collection& collection) {
  std::vector<std::string> methods;
  for (const auto& run : collection.runs) {
    if (!run.is_full() && !contains(methods, run.method)) methods.push_back(run.method);
  }
  return methods;
}

const ReportRun* sample_run(const Collection& collection, const std::string& method) {
  const ReportRun* best = nullptr;
  for (const auto& run : collection.runs) {
    if (run.method == method && (best == nullptr || run.share() > best->share())) best = &run;
  }
  return best;
}

std::vector<std::string> highlighted(const Collection& collection, const Table& table) {
  auto methods = methods_of(collection);
  if (methods.size() <= kColored) return methods;
  std::vector<std::string> shown;
  for (const char* name : {"scalselect", "random"}) {
    if (contains(methods, name)) shown.emplace_back(name);
  }
  for (const auto* row : ranked_rows(table, fullest_budget(table))) {
    if (shown.size() < kColored && !contains(shown, row->method)) shown.push_back(row->method);
  }
  return shown;
}

Plot plot_performance(const Collection& collection, const Table& table, const std::vector<std::string>& shown,
                      const fs::path& folder) {
  std::string csv = "method,percent,rel,low,high\n", others, lines;
  double lowest = 100, highest = 0;
  for (const auto& method : methods_of(collection)) {
    const auto place = static_cast<std::size_t>(std::find(shown.begin(), shown.end(), method) - shown.begin());
    for (const auto& row : table.rows) {
      if (row.method != method) continue;
      const double percent = 100 * row.share;
      lowest = std::min(lowest, percent);
      highest = std::max(highest, percent);
      csv += fmt::format("{},{},{},{}\n", csv_field(method), percent, row.relative.value, bar_of(row));
    }
    const auto points = fmt::format("data using (strcol(1) eq {} ? $2 * {} : NaN):3", gnuplot_text(csv_text(method)),
                                    place < shown.size() ? 1 + 0.015 * static_cast<double>(place) : 1.0);
    if (place == shown.size()) {
      others += fmt::format(", {} with lines lw 1 lc rgb '#cccccc' {}", points,
                            others.empty() ? "title 'others'" : "notitle");
    } else {
      lines += fmt::format(", {}:4:5 with yerrorlines lw 2 pt {} ps 0.9 lc rgb '{}' title {}", points, 5 + place,
                           series_color(place), gnuplot_text(method));
    }
  }
  const std::string name = "performance-" + table.regime;
  return {name,
          fmt::format("Relative performance against budget, at equal {}; bars are {:g} % bootstrap intervals, the line "
                      "at 100 is the full pool. Points of one budget are shifted a little.{}",
                      table.regime, 100 * table.level,
                      others.empty() ? "" : " Of many methods only the best are coloured."),
          run_gnuplot(folder, name, csv,
                      "set termoption noenhanced\nset logscale x 2\nset xlabel 'budget, % of the pool'\nset ylabel "
                      "'relative performance, %'\nset xtics (1,2,4,8,16,32,64,100)\nset offsets 0, 0, "
                      "graph 0.05, graph 0.05\nset key font ',11' samplen 2\n" +
                          fmt::format("set xrange [{}:{}]\n", lowest / 1.5, highest * 1.5) +
                          "plot 100 with lines dt 2 lc rgb '#555555' title 'full'" + others + lines + "\n")};
}

bool has_ranking(const Table& table) { return !ranked_rows(table, fullest_budget(table)).empty(); }

Plot plot_ranking(const Table& table, const fs::path& folder) {
  const auto budget = fullest_budget(table);
  const auto rows = ranked_rows(table, budget);
  std::string csv = "place,method,rel,low,high\n", marks, key = "unset key\n", legend;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    csv += fmt::format("{},{},{},{}\n", rows.size() - i, csv_field(rows[i]->method), rows[i]->relative.value,
                       bar_of(*rows[i]));
    if (rows[i]->method != "random") continue;
    marks = fmt::format("set arrow from {0},graph 0 to {0},graph 1 nohead dt 2 lc rgb '#555555'\n",
                        rows[i]->relative.value);
    key = kKeyAbove;
    legend = ", NaN with lines dt 2 lc rgb '#555555' title 'random'";
  }
  const std::string name = "ranking-" + table.regime;
  return {
      name,
      fmt::format("Relative performance at {}, at equal {}, best first; bars are {:g} % bootstrap intervals, the "
                  "vertical line is random.",
                  budget, table.regime, 100 * table.level),
      run_gnuplot(folder, name, csv,
                  "set termoption noenhanced\n" + key +
                      "set xlabel 'relative performance, %'\n"
                      "set ytics font ',10'\nset offsets graph 0.02, graph 0.02, 0, 0\n" +
                      fmt::format("set yrange [0.3:{}.7]\n", rows.size()) + marks +
                      "plot data using 3:1:4:5:ytic(2) with xerrorbars pt 7 ps 0.6 lw 1.5 lc rgb '#0072B2' notitle, "
                      "data using (strcol(2)[1:10] eq 'scalselect' ? $3 : NaN):1 with points pt 7 ps 0.8 lc rgb "
                      "'#D55E00' notitle" +
                      legend + "\n",
                  std::max<int>(kPlotHeight, 120 + 18 * static_cast<int>(rows.size())))};
}

Plot plot_composition(const Collection& collection, const fs::path& folder) {
  std::map<std::string, std::vector<double>> shares;  // source -> one per bar
  std::vector<std::string> bars = {"pool"}, names;
  const auto sources = sources_of(*collection.pool, names);
  const auto add = [&](const std::vector<std::int64_t>& rows, std::size_t bar) {
    for (const auto row : rows) {
      auto& counts = shares[names[sources[static_cast<std::size_t>(row)]]];
      counts.resize(std::max(counts.size(), bar + 1), 0);
      counts[bar] += 100.0 / static_cast<double>(rows.size());
    }
  };
  std::vector<std::int64_t> all(static_cast<std::size_t>(collection.pool->size()));
  std::iota(all.begin(), all.end(), 0);
  add(all, 0);
  for (const auto& method : methods_of(collection)) {
    bars.push_back(method);
    add(sample_run(collection, method)->rows, bars.size() - 1);
  }
  const bool many = bars.size() > kColored + 1;
  std::string csv = "selection", plot;
  for (const auto& [source, counts] : shares) csv += "," + csv_field(source);
  csv += "\n";
  for (std::size_t bar = 0; bar < bars.size(); ++bar) {
    csv += csv_field(bars[bar]);
    for (const auto& [source, counts] : shares) csv += fmt::format(",{}", bar < counts.size() ? counts[bar] : 0.0);
    csv += "\n";
  }
  std::size_t i = 0;
  for (const auto& [source, counts] : shares) {
    // One hue per source, light and dark in turn, so that neighbours differ. Titles are given, since gnuplot cuts a
    // column's header at a comma even in quotes.
    const double hue = static_cast<double>(i) / static_cast<double>(shares.size());
    plot += fmt::format("{}data skip 1 using {}:xtic(1) title {} lc rgb hsv2rgb({:.3f},0.6,{:.2f})",
                        i > 0 ? ", " : "plot ", i + 2, gnuplot_text(source), hue, i % 2 == 0 ? 0.85 : 0.6);
    ++i;
  }
  return {"composition", "Share of each source in the pool and in what each method chose (percent of the selection).",
          run_gnuplot(folder, "composition", csv,
                      "set termoption noenhanced\nset style data histograms\nset style histogram rowstacked\nset style "
                      "fill solid 0.85 border rgb 'white'\nset boxwidth 0.8\nset yrange [0:100]\n"
                      "set ylabel 'share, %'\nset key font ',10' invert samplen 1\nset xtics rotate by " +
                          std::string(bars.size() > kLegibleBars ? "-90 font ',8'"
                                      : many                     ? "-90 font ',11'"
                                                                 : "-25") +
                          "\n" + plot + "\n",
                      many ? 480 : kPlotHeight)};
}

Plot plot_training(const Collection& collection, const std::string& regime, const std::vector<std::string>& shown,
                   const fs::path& folder) {
  const auto curves = curves_of(collection, regime, shown);
  std::size_t longest = 0;
  for (const auto* run : curves) longest = std::max(longest, run->losses.size());
  const std::size_t window = std::max<std::size_t>(1, longest / 50);
  std::string csv = "method,step,loss,mean\n", lines;
  double lowest = std::numeric_limits<double>::infinity(), highest = 0;
  for (const auto* run : curves) {
    const auto means = running_mean(run->losses, window);
    lowest = std::min(lowest, *std::min_element(means.begin(), means.end()));
    highest = std::max(highest, *std::max_element(means.begin(), means.end()));
    for (std::size_t i = 0; i < means.size(); ++i)
      csv += fmt::format("{},{},{},{}\n", csv_field(run->method), i + 1, run->losses[i], means[i]);
    const auto place = static_cast<std::size_t>(std::find(shown.begin(), shown.end(), run->method) - shown.begin());
    lines += fmt::format("{}data using (strcol(1) eq {} ? $2 : NaN):4 with lines lw 2 {} title {}",
                         lines.empty() ? "plot " : ", ", gnuplot_text(csv_text(run->method)),
                         run->is_full() ? "dt 2 lc rgb '#555555'" : "lc rgb '" + series_color(place) + "'",
                         gnuplot_text(run->method));
  }
  const std::string name = "training-" + regime;
  return {
      name,
      fmt::format("Training loss at equal {} (nats per token, mean of {} steps), seed {}, each method at its largest "
                  "budget. Losses on different data do not rank methods.",
                  regime, window, curves.front()->seed),
      run_gnuplot(folder, name, csv,
                  "set termoption noenhanced\nset xlabel 'optimiser step'\nset ylabel 'loss, nats per token'\n"
                  "set key font ',11' samplen 2\nset xtics font ',11'\n" +
                      // Within one decade a logarithmic axis would show two numbers.
                      std::string(highest >= 10 * lowest ? "set logscale y\n" : "") + lines + "\n")};
}

bool has_losses(const Collection& collection, const std::string& regime) {
  return std::any_of(collection.runs.begin(), collection.runs.end(),
                     [&](const ReportRun& run) { return run.regime == regime && !run.losses.empty(); });
}

}  // namespace scalselect::report
