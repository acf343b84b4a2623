// Relative performance: one number for a row of a table (docs/benchmarks.md, "Metrics").
#pragma once

#include <span>
#include <vector>

namespace scalselect::eval {

/// Rel. = 100/K * sum s_k / f_k, the mean of per-column ratios; every column counts 1/K in its own unit.
/// NaN if a reference value is 0. Requires equal, non-zero lengths.
double relative_performance(std::span<const double> scores, std::span<const double> full);

/// The geometric mean of the same ratios, 100 * exp(1/K * sum log(s_k / f_k)): symmetric where gains and losses are
/// unequal, so never above Rel. 0 if a score is 0; NaN if a reference value is 0 or a ratio negative.
double relative_geometric(std::span<const double> scores, std::span<const double> full);

/// Rel_cc = 100/K * sum (s_k - c_k) / (f_k - c_k), c_k = chance level of the column. NaN if some f_k equals c_k.
double relative_above_chance(std::span<const double> scores, std::span<const double> full,
                             std::span<const double> chance);

/// Confusion counts with "yes" as the positive class; percentages, 0 where a denominator is 0.
struct Confusion {
  double tp = 0, fp = 0, tn = 0, fn = 0;
  double accuracy() const;
  double precision() const;
  double recall() const;
  double f1() const;
  double yes_ratio() const;
};

}  // namespace scalselect::eval
