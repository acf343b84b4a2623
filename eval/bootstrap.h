// Paired cluster bootstrap over questions and training seeds (Davison and Hinkley, Bootstrap Methods and their
// Application, 1997; BCa intervals: Efron, Better Bootstrap Confidence Intervals, 1987).
//
// A replicate draws clusters (images) with replacement within strata, one draw per benchmark family that **all**
// methods share; columns and Rel. are recomputed from per-cluster sums. With several seeds the seeds are drawn too
// (two-level), again the same draw for all methods that ran the same seeds. Each replicate has its own random streams,
// so results do not depend on threads, order or the other families.
#pragma once

#include <cstdint>
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
  bool bca = false;            ///< bias-corrected and accelerated (clusters jack-knifed) instead of percentile

  template <class Visitor>
  static void describe(Visitor& v, BootstrapOptions& o) {
    v.field("replicates", o.replicates, "bootstrap replicates", Range{1, 1e7});
    v.field("seed", o.seed, "seed of the resampling");
    v.field("level", o.level, "coverage of the intervals", Range{0.5, 0.9999});
    v.field("resample_seeds", o.resample_seeds, "draw training seeds as well as questions");
    v.field("bca", o.bca, "BCa instead of percentile intervals");
  }
};

/// One trained and evaluated model: a method under one training seed.
struct MethodRun {
  std::string method;  ///< row of the table ("scalselect 16 %")
  std::int64_t seed = 0;
  std::vector<ScoredBenchmark> benchmarks;  ///< same benchmarks in the same order in every run
};

/// A number with its interval. `p` is two-sided: for differences against 0, else NaN.
struct Estimate {
  double value = 0;
  Interval interval;
  double p = 0;
};

/// A method's score over all columns.
enum class Score { kRel, kRelAboveChance };

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
  /// Rel. of each seed of a method (denominators: the reference's mean columns), in order of its runs.
  std::vector<double> relative_by_seed(const std::string& method, Score score = Score::kRel) const;
  /// A column's value for each seed.
  std::vector<double> column_by_seed(const std::string& method, std::size_t column) const;

 private:
  std::size_t index(const std::string& method) const;
  void find_left_out();
  double score(std::span<const double> columns, std::span<const double> reference, Score score) const;
  std::vector<double> scores_of(const std::vector<std::vector<double>>& table, std::size_t method, Score score) const;
  Estimate estimate(double value, std::vector<double> replicates, const std::vector<double>& jackknife) const;

  BootstrapOptions options_;
  std::vector<std::string> methods_;
  std::vector<Metric> columns_;
  std::size_t reference_ = 0;
  std::vector<std::size_t> left_out_, left_out_above_chance_;
  std::vector<std::vector<std::vector<double>>> by_seed_;  ///< method, seed, column
  std::vector<std::vector<double>> point_;                 ///< method, column
  std::vector<std::vector<double>> replicates_;            ///< method, replicate * K + column
  std::vector<std::vector<double>> jackknife_;             ///< method, left-out cluster * K + column; BCa only
};

}  // namespace scalselect::eval
