#include "experiments/report/plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "experiments/report/gnuplot.h"

namespace scalselect::report {
namespace {

namespace fs = std::filesystem;

/// Methods in the order of the runs, without the full pool.
std::vector<std::string> methods_of(const Collection& collection) {
  std::vector<std::string> methods;
  for (const auto& run : collection.runs) {
    if (!run.is_full() && std::find(methods.begin(), methods.end(), run.method) == methods.end())
      methods.push_back(run.method);
  }
  return methods;
}

/// The first run of a method, at its largest budget: what single-run plots show.
const ReportRun* sample_run(const Collection& collection, const std::string& method) {
  const ReportRun* best = nullptr;
  for (const auto& run : collection.runs) {
    if (run.method == method && (best == nullptr || run.share() > best->share())) best = &run;
  }
  return best;
}

std::string csv_name(std::string text) {
  std::replace(text.begin(), text.end(), ',', ';');
  return text;
}

Plot performance(const Collection& collection, const Table& table, const fs::path& folder) {
  const auto methods = methods_of(collection);
  std::string csv = "method,percent,rel,low,high\n";
  std::string blocks;
  double lowest = 100, highest = 0;
  for (std::size_t m = 0; m < methods.size(); ++m) {
    for (const auto& row : table.rows) {
      if (row.method != methods[m]) continue;
      const auto percent = row.budget.substr(0, row.budget.find(' '));
      lowest = std::min(lowest, std::stod(percent));
      highest = std::max(highest, std::stod(percent));
      const auto& [value, interval] = std::pair(row.relative.value, row.relative.interval);
      const bool known = !std::isnan(interval.low) && !std::isnan(interval.high);  // else a bar of no length
      csv += fmt::format("{},{},{},{},{}\n", csv_name(row.method), percent, value, known ? interval.low : value,
                         known ? interval.high : value);
    }
    blocks += fmt::format(
        "{}data using (strcol(1) eq '{}' ? $2 * {} : NaN):3:4:5 with yerrorlines lw 2 pt {} ps 0.9 lc rgb '{}' title "
        "'{}'",
        m ? ", " : "", methods[m], 1 + 0.015 * static_cast<double>(m), 5 + m, series_color(m), methods[m]);
  }
  const std::string name = "performance-" + table.regime;
  return {name,
          fmt::format("Relative performance against budget, at equal {}; bars are 95 % bootstrap intervals, the line "
                      "at 100 is the full pool. Points of one budget are set apart a little.",
                      table.regime),
          run_gnuplot(folder, name, csv,
                      "set termoption noenhanced\nset logscale x 2\nset xlabel 'budget, % of the pool'\nset ylabel "
                      "'relative performance, %'\nset xtics (1,2,4,8,16,32,64,100)\nset offsets 0, 0, "
                      "graph 0.05, graph 0.05\n" +
                          fmt::format("set xrange [{}:{}]\n", lowest / 1.5, highest * 1.5) +
                          "plot 100 with lines dt 2 lc rgb '#555555' title 'full', " + blocks + "\n")};
}

Plot histogram(const ReportRun& run, const fs::path& folder) {
  std::vector<double> scores;
  for (const double score : run.scores) {
    if (!std::isnan(score)) scores.push_back(score);
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
          run.method, scores.size(), budget_text(run.budget)),
      run_gnuplot(folder, name, csv,
                  fmt::format("set termoption noenhanced\nset logscale y\nset yrange [0.8:*]\nset xlabel 'score'\nset "
                              "ylabel 'samples'\nset boxwidth {} absolute\nset style fill solid 0.7\nunset key\n"
                              "set arrow from {},graph 0 to {},graph 1 nohead dt 2 lc rgb '#D55E00' lw 2\nplot data "
                              "using 1:($2 > 0 ? $2 : NaN) with boxes lc rgb '#0072B2'\n",
                              0.9 * width, cut, cut))};
}

Plot spectrum(const ReportRun& run, const fs::path& folder) {
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
                              "'energy, %'\nset yrange [0:101]\nunset key\n"
                              "set arrow from {},graph 0 to {},graph 1 nohead dt 2 lc rgb '#D55E00' lw 2\nplot data "
                              "using 1:2 with lines lw 2 lc rgb '#0072B2'\n",
                              std::max<std::int64_t>(k, 1), std::max<std::int64_t>(k, 1)))};
}

/// Pool sources are "skill/scene" in the mini world; the part before the slash keeps the legend readable.
std::string source_of(const Pool& pool, std::int64_t row) {
  const auto& source = pool.sample(row).source;
  return source.empty() ? "(none)" : source.substr(0, source.find('/'));
}

Plot composition(const Collection& collection, const fs::path& folder) {
  std::map<std::string, std::vector<double>> shares;  // source -> one a bar
  std::vector<std::string> bars = {"pool"};
  const auto add = [&](const std::vector<std::int64_t>& rows, std::size_t bar) {
    for (const auto row : rows) {
      auto& counts = shares[source_of(*collection.pool, row)];
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
  std::string csv = "selection", plot;
  for (const auto& [source, counts] : shares) csv += "," + csv_name(source);
  csv += "\n";
  for (std::size_t bar = 0; bar < bars.size(); ++bar) {
    csv += csv_name(bars[bar]);
    for (const auto& [source, counts] : shares) csv += fmt::format(",{}", bar < counts.size() ? counts[bar] : 0.0);
    csv += "\n";
  }
  for (std::size_t i = 0; i < shares.size(); ++i) {
    // A hue a source, light and dark in turn, so that neighbours differ.
    const double hue = static_cast<double>(i) / static_cast<double>(shares.size());
    plot += fmt::format("{}data using {}:xtic(1) title columnheader lc rgb hsv2rgb({:.3f},0.6,{:.2f})",
                        i ? ", " : "plot ", i + 2, hue, i % 2 == 0 ? 0.85 : 0.6);
  }
  return {"composition", "Share of each source in the pool and in what each method chose (percent of the selection).",
          run_gnuplot(folder, "composition", csv,
                      "set termoption noenhanced\nset style data histograms\nset style histogram rowstacked\nset style "
                      "fill solid 0.85 border rgb 'white'\nset boxwidth 0.8\nset yrange [0:100]\n"
                      "set ylabel 'share, %'\nset xtics rotate by -25\nset key font ',10' invert samplen 1\n" +
                          plot + "\n")};
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

/// One run a method, the full pool included: its first at the largest budget under this regime.
std::vector<const ReportRun*> curves_of(const Collection& collection, const std::string& regime) {
  std::vector<const ReportRun*> curves;
  for (const auto& run : collection.runs) {
    if (run.regime != regime || run.losses.empty()) continue;
    const auto twin =
        std::find_if(curves.begin(), curves.end(), [&](auto* other) { return other->method == run.method; });
    if (twin == curves.end()) curves.push_back(&run);
    else if (run.share() > (*twin)->share()) *twin = &run;
  }
  return curves;
}

Plot training(const Collection& collection, const std::string& regime, const fs::path& folder) {
  const auto curves = curves_of(collection, regime);
  const auto methods = methods_of(collection);
  std::size_t longest = 0;
  for (const auto* run : curves) longest = std::max(longest, run->losses.size());
  const std::size_t window = std::max<std::size_t>(1, longest / 50);
  std::string csv = "method,step,loss,mean\n", lines;
  for (const auto* run : curves) {
    const auto means = running_mean(run->losses, window);
    for (std::size_t i = 0; i < means.size(); ++i)
      csv += fmt::format("{},{},{},{}\n", csv_name(run->method), i + 1, run->losses[i], means[i]);
    const auto place =
        static_cast<std::size_t>(std::find(methods.begin(), methods.end(), run->method) - methods.begin());
    lines +=
        fmt::format("{}data using (strcol(1) eq '{}' ? $2 : NaN):4 with lines lw 2 {} title '{}'",
                    lines.empty() ? "plot " : ", ", csv_name(run->method),
                    run->is_full() ? "dt 2 lc rgb '#555555'" : "lc rgb '" + series_color(place) + "'", run->method);
  }
  const std::string name = "training-" + regime;
  return {name,
          fmt::format("Training loss at equal {} (nats a token, mean of {} steps), seed {}, each method at its largest "
                      "budget. Losses on different data do not rank methods.",
                      regime, window, curves.front()->seed),
          run_gnuplot(folder, name, csv,
                      "set termoption noenhanced\nset xlabel 'optimiser step'\nset ylabel 'loss'\nset logscale y\n"
                      "set key inside right top\nset xtics font ',9'\n" +
                          lines + "\n")};
}

}  // namespace

std::vector<Plot> draw_plots(const Collection& collection, const std::vector<Table>& tables, const fs::path& folder) {
  std::vector<Plot> plots;
  if (!methods_of(collection).empty()) {
    for (const auto& table : tables) plots.push_back(performance(collection, table, folder));
    plots.push_back(composition(collection, folder));
  }
  for (const auto& table : tables) {
    if (!curves_of(collection, table.regime).empty()) plots.push_back(training(collection, table.regime, folder));
  }
  for (const auto& method : methods_of(collection)) {
    const auto* run = sample_run(collection, method);
    if (run->facts.contains("spectrum")) plots.push_back(spectrum(*run, folder));
    if (!run->scores.empty()) plots.push_back(histogram(*run, folder));
  }
  return plots;
}

}  // namespace scalselect::report
