// Small statistics for tables.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace scalselect::eval {

struct Interval {
  double low = 0, high = 0;
};

/// Mean and sample standard deviation (divisor n - 1) over seeds. With one value `std` is NaN and the interval empty.
struct SeedSummary {
  double mean = 0;
  double std = 0;
  Interval t95;  ///< mean -+ t_{n-1, .975} * std / sqrt(n)
  std::int64_t seeds = 0;
};
SeedSummary summarize_seeds(std::span<const double> values);

/// McNemar's test on 0/1 scores of two models on the same questions (mid-p: Fagerland, Lydersen and Laake 2013).
/// Ignores clusters.
struct McNemar {
  std::int64_t n10 = 0;  ///< first right, second wrong
  std::int64_t n01 = 0;
  double exact = 1, mid_p = 1;
};
McNemar mcnemar(std::int64_t n10, std::int64_t n01);
McNemar mcnemar(std::span<const double> first, std::span<const double> second);

/// Holm's step-down adjustment; same order as given.
std::vector<double> holm(std::span<const double> p_values);

/// Quantile with linear interpolation (numpy's default) of sorted values.
double quantile(std::span<const double> sorted, double q);

/// Standard normal distribution function, and its inverse (0 < p < 1).
double normal_cdf(double x);
double normal_quantile(double p);

/// Student's t with `freedom` > 0 degrees of freedom, not necessarily whole; infinite freedom is the normal
/// distribution. Distribution function and its inverse (0 < p < 1).
double student_t_cdf(double t, double freedom);
double student_t_quantile(double p, double freedom);

/// Two-sided 95 % critical value of Student's t with `freedom` >= 1 degrees of freedom.
double student_t975(std::int64_t freedom);

}  // namespace scalselect::eval
