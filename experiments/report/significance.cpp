#include "experiments/report/significance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "eval/power.h"
#include "experiments/report/text.h"

namespace scalselect::report {
namespace {

const double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kPower = 0.8;

std::vector<const ReportRun*> runs_of(const Collection& collection, const std::string& regime,
                                      const std::string& label) {
  std::vector<const ReportRun*> runs;
  for (const auto& run : collection.runs) {
    if (run.regime == regime && run.label() == label) runs.push_back(&run);
  }
  return runs;
}

/// The benchmark that a column of the bootstrap belongs to, by its place in ReportRun::benchmarks.
struct ColumnPlace {
  std::size_t benchmark = 0;
  std::string metric, display;
};

std::vector<ColumnPlace> column_places(const ReportRun& run) {
  std::vector<ColumnPlace> places;
  for (std::size_t b = 0; b < run.benchmarks.size(); ++b) {
    for (const auto& stats : run.benchmarks[b].metrics) {
      if (stats.metric.column) places.push_back({b, stats.metric.name, stats.metric.display});
    }
  }
  return places;
}

eval::DifferenceNoise noise_of(const eval::Estimate& difference) {
  return {std::isnan(difference.seed_deviation) ? 0 : difference.seed_deviation, difference.question_error};
}

/// By quantiles alone, as there are hundreds of columns and methods: a few per cent from eval::detectable_difference.
double detectable_in_column(const eval::Estimate& difference, std::int64_t seeds, double level) {
  const double error = noise_of(difference).of_mean(static_cast<double>(seeds));
  if (!(error > 0)) return kNone;
  return error * (eval::student_t_quantile((1 + level) / 2, difference.freedom) +
                  eval::student_t_quantile(kPower, difference.freedom));
}

/// Sums over the pairs of runs with the same seed.
void count_answers(const std::vector<const ReportRun*>& first, const std::vector<const ReportRun*>& second,
                   const ColumnPlace& place, ColumnTest& test) {
  for (const auto* run : first) {
    const auto other =
        std::find_if(second.begin(), second.end(), [&](const ReportRun* item) { return item->seed == run->seed; });
    if (other == second.end() || run->sheets.empty() || (*other)->sheets.empty()) continue;
    const auto counts =
        compare_answers(run->sheets[place.benchmark].units, (*other)->sheets[place.benchmark].units, place.metric);
    test.answers = {counts.units, counts.clusters, test.answers.n10 + counts.n10, test.answers.n01 + counts.n01};
    ++test.pairs;
  }
}

ColumnTest test_column(const std::vector<const ReportRun*>& runs, const std::vector<const ReportRun*>& others,
                       const ColumnPlace& place, std::size_t column, const eval::PairedBootstrap& bootstrap,
                       double level) {
  ColumnTest test;
  test.label = runs.front()->label();
  test.column = place.display;
  test.difference = bootstrap.column_difference(test.label, others.front()->label(), column);
  count_answers(runs, others, place, test);
  const bool one_seed = runs.size() == 1 && others.size() == 1 && test.pairs == 1;
  test.mcnemar = one_seed ? eval::mcnemar(test.answers.n10, test.answers.n01).mid_p : kNone;
  constexpr double kAlone = 1.1;  // questions per image up to which they count as independent
  test.by_mcnemar =
      one_seed && static_cast<double>(test.answers.units) <= kAlone * static_cast<double>(test.answers.clusters);
  test.p = test.by_mcnemar ? test.mcnemar : test.difference.p;
  test.detectable = detectable_in_column(test.difference, std::ssize(runs), level);
  return test;
}

Resolution resolve(const std::string& label, const std::string& other, std::int64_t seeds,
                   const eval::PairedBootstrap& bootstrap, double level) {
  Resolution result;
  result.label = label;
  result.seeds = seeds;
  result.difference = bootstrap.difference(label, other);
  result.detectable = kNone;
  const auto noise = noise_of(result.difference);
  if (!(noise.of_mean(static_cast<double>(seeds)) > 0)) return result;
  result.detectable = eval::detectable_difference(noise, seeds, kPower, 1 - level);
  if (seeds > 1) result.seeds_for_point = eval::seeds_needed(1, noise, kPower, 1 - level);
  result.questions_for_point = eval::question_factor_needed(1, noise, seeds, kPower, 1 - level);
  return result;
}

/// Holm over the defined ones; the others stay undefined.
template <class Item, class Get, class Set>
void adjust(std::vector<Item>& items, const Get& get, const Set& set) {
  std::vector<double> defined;
  for (const auto& item : items) {
    if (!std::isnan(get(item))) defined.push_back(get(item));
  }
  const auto adjusted = eval::holm(defined);
  std::size_t next = 0;
  for (auto& item : items) set(item, std::isnan(get(item)) ? kNone : adjusted[next++]);
}

std::string p_text(double p) {
  if (std::isnan(p)) return "–";
  return p < 0.0001 ? "<0.0001" : fmt::format("{:.4f}", p);
}

std::string number(double value, int digits = 1) {
  return std::isnan(value) ? "–" : fmt::format("{:.{}f}", value, digits);
}

std::string signed_text(const eval::Estimate& estimate) {
  if (std::isnan(estimate.value)) return "–";
  const auto value = fmt::format("{:+.1f}", estimate.value);
  return std::isnan(estimate.interval.low)
             ? value
             : fmt::format("{} [{:.1f}, {:.1f}]", value, estimate.interval.low, estimate.interval.high);
}

std::string seeds_text(const Resolution& item) {
  if (item.seeds < 2 || std::isnan(item.detectable)) return "–";
  return item.seeds_for_point ? std::to_string(*item.seeds_for_point) : "no number";
}

std::string questions_text(const Resolution& item) {
  if (std::isnan(item.detectable)) return "–";
  if (!item.questions_for_point) return "no number";
  return fmt::format("{:.{}f}×", *item.questions_for_point, *item.questions_for_point < 10 ? 1 : 0);
}

}  // namespace

Comparison compare_with(const Collection& collection, const std::string& regime, const std::string& against,
                        const eval::PairedBootstrap& bootstrap, const eval::BootstrapOptions& options) {
  Comparison result;
  result.against = against;
  result.level = options.level;
  for (const auto& label : bootstrap.methods()) {
    const auto runs = runs_of(collection, regime, label);
    if (runs.empty() || runs.front()->method == against || runs.front()->is_full()) continue;
    const auto other = against == "full" ? against : against + " " + runs.front()->budget.label();
    const auto others = runs_of(collection, regime, other);
    if (others.empty()) continue;
    const auto places = column_places(*runs.front());
    for (std::size_t column = 0; column < places.size(); ++column)
      result.tests.push_back(test_column(runs, others, places[column], column, bootstrap, options.level));
    result.resolutions.push_back(
        resolve(label, other, std::min(std::ssize(runs), std::ssize(others)), bootstrap, options.level));
  }
  adjust(
      result.tests, [](const ColumnTest& test) { return test.p; },
      [](ColumnTest& test, double p) { test.adjusted = p; });
  adjust(
      result.resolutions, [](const Resolution& item) { return item.difference.p; },
      [&](Resolution& item, double p) {
        item.adjusted = p;
        item.resolved = p < 1 - options.level;
      });
  return result;
}

Grid resolution_grid(const Comparison& comparison) {
  Grid grid{{"Rel. against " + comparison.against, "difference", "p", "Holm p", "resolved", "smallest seen",
             "seeds for 1 point", "questions for 1 point"},
            {},
            {}};
  bool one_seed = false;
  for (const auto& item : comparison.resolutions) {
    one_seed = one_seed || item.seeds < 2;
    grid.rows.push_back(
        plain_row({item.label, signed_text(item.difference), p_text(item.difference.p), p_text(item.adjusted),
                   item.resolved ? "yes" : "no", number(item.detectable), seeds_text(item), questions_text(item)}));
  }
  if (grid.rows.empty()) return grid;
  grid.notes.push_back(
      fmt::format("Resolved: p is below {:g} after Holm's adjustment over the rows of this table. Smallest seen: the "
                  "true difference "
                  "in points of Rel. that a run with this noise finds with 80 % power, before the adjustment. For 1 "
                  "point: seeds per "
                  "method on the same questions, or times as many questions with the same seeds; no number: the other "
                  "noise alone is too much.",
                  1 - comparison.level));
  if (one_seed) {
    grid.notes.emplace_back(
        "One seed says nothing about how much another training run would differ: such rows are about these very "
        "models, "
        "and a method's difference is likely less certain than its interval.");
  }
  return grid;
}

Grid tests_grid(const Comparison& comparison) {
  Grid grid{{"method", "column", "difference", "right alone", "right alone (" + comparison.against + ")", "McNemar p",
             "bootstrap p", "Holm p", "smallest seen"},
            {},
            {}};
  for (const auto& test : comparison.tests) {
    grid.rows.push_back(
        plain_row({test.label, test.column, signed_text(test.difference), std::to_string(test.answers.n10),
                   std::to_string(test.answers.n01), p_text(test.mcnemar), p_text(test.difference.p),
                   p_text(test.adjusted), number(test.detectable)}));
  }
  if (grid.rows.empty()) return grid;
  const auto by_mcnemar = std::count_if(comparison.tests.begin(), comparison.tests.end(),
                                        [](const ColumnTest& test) { return test.by_mcnemar; });
  grid.notes.push_back(fmt::format(
      "Right alone: questions (with CircularEval: groups) that this method or {} alone answers, summed over seeds. "
      "McNemar's mid-p takes questions for independent and is given for single seeds; Holm's adjustment, over the {} "
      "tests of this table, takes it where an image has one question ({} tests) and the paired bootstrap's elsewhere.",
      comparison.against, comparison.tests.size(), by_mcnemar));
  return grid;
}

std::string tests_csv(const std::string& regime, const std::vector<Comparison>& comparisons, bool header) {
  std::string text = header
                         ? "regime,against,method,column,difference,low,high,questions,images,pairs,n10,n01,p_mcnemar,"
                           "p_bootstrap,p,p_holm,detectable\n"
                         : "";
  for (const auto& comparison : comparisons) {
    for (const auto& test : comparison.tests) {
      text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_field(regime),
                          csv_field(comparison.against), csv_field(test.label), csv_field(test.column),
                          test.difference.value, test.difference.interval.low, test.difference.interval.high,
                          test.answers.units, test.answers.clusters, test.pairs, test.answers.n10, test.answers.n01,
                          test.mcnemar, test.difference.p, test.p, test.adjusted, test.detectable);
    }
  }
  return text;
}

}  // namespace scalselect::report
