#include "eval/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "core/check.h"

namespace scalselect::eval {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// log of C(n, k) / 2^n
double log_binomial_half(std::int64_t n, std::int64_t k) {
  const auto lg = [](std::int64_t x) { return std::lgamma(static_cast<double>(x) + 1); };
  return lg(n) - lg(k) - lg(n - k) - static_cast<double>(n) * std::numbers::ln2;
}

// The continued fraction of the incomplete beta function, by Lentz's method (Abramowitz and Stegun 26.5.8).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto away = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1, d = 1 / away(1 - (a + b) * x / (a + 1)), product = d;
  for (int m = 1; m <= 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double step = 1;
    for (const double term : {even, odd}) {
      d = 1 / away(1 + term * d);
      c = away(1 + term / c);
      step = c * d;
      product *= step;
    }
    if (std::abs(step - 1) < 1e-15) break;
  }
  return product;
}

// log of Gamma(a + 1/2) / Gamma(a), without the cancellation of two large logarithms.
double log_gamma_ratio(double a) {
  return a < 1000 ? std::lgamma(a + 0.5) - std::lgamma(a) : 0.5 * std::log(a) - 1 / (8 * a) + 1 / (192 * a * a * a);
}

// I_x(a, 1/2), the regularised incomplete beta function, for y = 1 - x; the smaller of x and y is exact. `complement`:
// one less it.
double incomplete_beta(double a, double x, double y, bool complement) {
  if (x <= 0 || y <= 0) return (x <= 0) != complement ? 0 : 1;
  const double logs = a * (x < 0.5 ? std::log(x) : std::log1p(-y)) + 0.5 * std::log(y);
  const double front = std::exp(log_gamma_ratio(a) - 0.5 * std::log(std::numbers::pi) + logs);
  const bool lower = x < (a + 1) / (a + 2.5);
  const double part = lower ? front * beta_fraction(a, 0.5, x) / a : front * beta_fraction(0.5, a, y) / 0.5;
  return lower != complement ? part : 1 - part;
}

}  // namespace

SeedSummary summarize_seeds(std::span<const double> values) {
  SCALSELECT_CHECK(!values.empty());
  const auto n = static_cast<double>(values.size());
  SeedSummary summary;
  summary.seeds = static_cast<std::int64_t>(values.size());
  summary.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (values.size() < 2) {
    summary.std = summary.t95.low = summary.t95.high = kNan;
    return summary;
  }
  double squares = 0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  summary.std = std::sqrt(squares / (n - 1));
  const double half = student_t975(summary.seeds - 1) * summary.std / std::sqrt(n);
  summary.t95 = {summary.mean - half, summary.mean + half};
  return summary;
}

McNemar mcnemar(std::int64_t n10, std::int64_t n01) {
  McNemar result{n10, n01, 1, 1};
  const std::int64_t total = n10 + n01, least = std::min(n10, n01);
  if (total == 0) return result;
  double tail = 0;
  for (std::int64_t k = 0; k <= least; ++k) tail += std::exp(log_binomial_half(total, k));
  result.exact = std::min(1.0, 2 * tail);
  result.mid_p = std::min(1.0, 2 * tail - std::exp(log_binomial_half(total, least)));
  return result;
}

McNemar mcnemar(std::span<const double> first, std::span<const double> second) {
  SCALSELECT_CHECK(first.size() == second.size());
  std::int64_t n10 = 0, n01 = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    n10 += first[i] > second[i];
    n01 += first[i] < second[i];
  }
  return mcnemar(n10, n01);
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double floor = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double p = std::min(1.0, p_values[order[rank]] * static_cast<double>(order.size() - rank));
    floor = std::max(floor, p);
    adjusted[order[rank]] = floor;
  }
  return adjusted;
}

double quantile(std::span<const double> sorted, double q) {
  SCALSELECT_CHECK(!sorted.empty());
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(at));
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - static_cast<double>(low));
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

// Newton's method from 0; the step is limited, so far tails converge too.
double normal_quantile(double p) {
  SCALSELECT_CHECK(p > 0 && p < 1);
  double x = 0;
  for (int i = 0; i < 100; ++i) {
    const double density = std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi);
    const double step = std::clamp((normal_cdf(x) - p) / density, -1.0, 1.0);
    x -= step;
    if (std::abs(step) < 1e-14) break;
  }
  return x;
}

double student_t_cdf(double t, double freedom) {
  SCALSELECT_CHECK(freedom > 0);
  if (std::isinf(freedom)) return normal_cdf(t);
  const double square = t * t, x = freedom / (freedom + square), y = square / (freedom + square);
  if (t > 0) return 0.5 + 0.5 * incomplete_beta(freedom / 2, x, y, true);
  return 0.5 * incomplete_beta(freedom / 2, x, y, false);
}

// Bisection in the lower half: 0.1 degrees of freedom have quantiles of any size, where Newton's method fails.
double student_t_quantile(double p, double freedom) {
  SCALSELECT_CHECK(p > 0 && p < 1);
  if (std::isinf(freedom)) return normal_quantile(p);
  if (p > 0.5) return -student_t_quantile(1 - p, freedom);
  double low = -1, high = 0;
  while (student_t_cdf(low, freedom) > p && low > -1e300) low *= 2;
  for (int i = 0; i < 200 && high - low > 1e-14 * -low; ++i) {
    const double middle = (low + high) / 2;
    (student_t_cdf(middle, freedom) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

double student_t975(std::int64_t freedom) {
  static constexpr std::array<double, 15> kTable = {12.706204736, 4.302652730, 3.182446305, 2.776445105, 2.570581836,
                                                    2.446911851,  2.364624252, 2.306004135, 2.262157163, 2.228138852,
                                                    2.200985160,  2.178812830, 2.160368656, 2.144786688, 2.131449546};
  SCALSELECT_CHECK(freedom >= 1);
  if (freedom <= static_cast<std::int64_t>(kTable.size())) return kTable[static_cast<std::size_t>(freedom - 1)];
  // Expansion in 1/n around the normal quantile (Abramowitz and Stegun 26.7.5).
  const double x = 1.959963984540054, n = static_cast<double>(freedom);
  const double x3 = x * x * x, x5 = x3 * x * x, x7 = x5 * x * x, x9 = x7 * x * x;
  return x + (x3 + x) / (4 * n) + (5 * x5 + 16 * x3 + 3 * x) / (96 * n * n) +
         (3 * x7 + 19 * x5 + 17 * x3 - 15 * x) / (384 * n * n * n) +
         (79 * x9 + 776 * x7 + 1482 * x5 - 1920 * x3 - 945 * x) / (92160 * n * n * n * n);
}

}  // namespace scalselect::eval
