// Paired cluster bootstrap over questions and training seeds (Davison and Hinkley, Bootstrap Methods and their
// Application, 1997; BCa intervals: Efron, Better Bootstrap Confidence Intervals, 1987).
//
// A replicate draws clusters (images) with replacement within strata, one draw per benchmark family that **all**
// methods share; columns and Rel. are recomputed from per-cluster sums. With several seeds the seeds are drawn too
// (two-level), again the same draw for all methods that ran the same seeds. Each replicate has its own random streams,
// so results do not depend on threads, order or the other families.
//
// A handful of seeds drawn with replacement spreads too little, by the factor (S - 1) / S in variance, and the shape of
// its replicates is that of a few points. With several seeds an interval is therefore Student's about the value: the
// seeds' part of the variance is the jackknife's over seeds, which has no such bias, the questions' part the
// replicates', and the degrees of freedom are Welch and Satterthwaite's. What changes with both, an answer that one
// seed gives and another does not, is in both parts: these intervals are rather too wide than too narrow. With one seed
// per method nothing is known about training noise, and the intervals are for the sampling of questions alone.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "eval/benchmark.h"
#include "eval/statistics.h"

namespace scalselect::eval {

struct BootstrapOptions {
  std::int64_t replicates = 10000;
  std::uint64_t seed = 20240607;
  double level = 0.95;
  bool resample_seeds = true;  ///< false: intervals for the sampling of questions alone
  bool bca = false;            ///< bias-corrected and accelerated (clusters jack-knifed) instead of percentile, with
                               ///< one seed

  template <class Visitor>
  static void describe(Visitor& v, BootstrapOptions& o) {
    v.field("replicates", o.replicates, "bootstrap replicates", Range{1, 1e7});
    v.field("seed", o.seed, "seed of the resampling");
    v.field("level", o.level, "coverage of the intervals", Range{0.5, 0.9999});
    v.field("resample_seeds", o.resample_seeds, "draw training seeds as well as questions");
    v.field("bca", o.bca, "BCa instead of percentile intervals, with one seed");
  }
};

/// One trained and evaluated model: a method under one training seed.
struct MethodRun {
  std::string method;  ///< row of the table ("scalselect 16 %")
  std::int64_t seed = 0;
  std::vector<ScoredBenchmark> benchmarks;  ///< same benchmarks in the same order in every run
};

/// A number with its interval. `p` is two-sided: for differences against 0, else NaN. With one seed it counts the
/// replicates on the other side of 0, and below ten of them is the normal tail, which has no smallest value; with
/// several seeds it is a t test's. NaN where the number is undefined in some replicates.
struct Estimate {
  double value = 0;
  Interval interval;
  double p = 0;
  /// What disturbs it, as standard deviations: the sample of questions, and one seed's training (of the mean over S
  /// seeds seed_deviation / sqrt(S); NaN if only one seed was run or seeds are not drawn).
  double question_error = std::numeric_limits<double>::quiet_NaN();
  double seed_deviation = std::numeric_limits<double>::quiet_NaN();
  double freedom = std::numeric_limits<double>::infinity();  ///< degrees of freedom of the interval's quantile
};

/// A method's score over all columns: means of the ratios to the reference, arithmetic or geometric, or with chance
/// levels taken off.
enum class Score { kRel, kRelAboveChance, kRelGeometric };

class PairedBootstrap {
 public:
  static constexpr double kMostBytes = 4.0 * (1 << 30);  ///< that replicates * methods * columns may take

  /// `reference`: the method whose seed-averaged columns are Rel.'s denominators (recomputed in every replicate).
  /// Throws UserError(kUsage) if it is not among the runs or if the replicates would take more than kMostBytes,
  /// UserError(kInput) if runs were scored on other questions.
  PairedBootstrap(std::span<const MethodRun> runs, const std::string& reference, const BootstrapOptions& options = {});

  const std::vector<std::string>& methods() const { return methods_; }  ///< in order of first appearance
  const std::vector<Metric>& columns() const { return columns_; }       ///< table columns over all benchmarks
  /// Columns that a score leaves out for every method, since its ratio to the reference is undefined: the reference's
  /// mean is 0 there (kRelAboveChance: exactly chance). Where all are left out the score is NaN.
  const std::vector<std::size_t>& left_out(Score score = Score::kRel) const;

  // What follows throws UserError(kUsage) for a method that is not among the runs.
  /// Mean over seeds of a column.
  Estimate column(const std::string& method, std::size_t column) const;
  /// Relative performance against the reference. The mean over seeds of per-seed Rel. equals Rel. of the mean columns.
  Estimate relative(const std::string& method, Score score = Score::kRel) const;
  /// relative(first) - relative(second) on the same draws: the interval that ranks methods.
  Estimate difference(const std::string& first, const std::string& second, Score score = Score::kRel) const;
  /// The same of one column, in its unit.
  Estimate column_difference(const std::string& first, const std::string& second, std::size_t column) const;
  /// Rel. of each seed of a method (denominators: the reference's mean columns), in order of its runs.
  std::vector<double> relative_by_seed(const std::string& method, Score score = Score::kRel) const;
  /// A column's value for each seed.
  std::vector<double> column_by_seed(const std::string& method, std::size_t column) const;

 private:
  /// The columns of every method in one replicate.
  struct Columns {
    const std::vector<std::vector<double>>* table;
    std::size_t first, count;
    std::span<const double> operator()(std::size_t method) const {
      return std::span((*table)[method]).subspan(first, count);
    }
  };
  using Statistic = std::function<double(const Columns&)>;

  std::size_t index(const std::string& method) const;
  void find_left_out();
  double score(std::span<const double> columns, std::span<const double> reference, Score score) const;
  std::vector<double> values_of(const std::vector<std::vector<double>>& table, const Statistic& statistic) const;
  Interval interval(double value, const std::vector<double>& sorted, const std::vector<double>& jackknife) const;
  /// `against_zero`: with p.
  Estimate estimate(const Statistic& statistic, bool against_zero) const;
  double standard_error(const Statistic& statistic, double variance, Estimate& estimate) const;

  BootstrapOptions options_;
  std::vector<std::string> methods_;
  std::vector<Metric> columns_;
  std::size_t reference_ = 0;
  std::vector<std::size_t> left_out_, left_out_above_chance_;
  std::vector<std::vector<std::int64_t>> seeds_;           ///< method
  std::vector<std::vector<std::vector<double>>> by_seed_;  ///< method, seed, column
  std::vector<std::vector<double>> point_;                 ///< method, column
  std::vector<std::vector<double>> replicates_;            ///< method, replicate * K + column
  std::vector<std::vector<double>> jackknife_;             ///< method, left-out cluster * K + column; BCa only
};

}  // namespace scalselect::eval
