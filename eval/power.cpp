#include "eval/power.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/check.h"
#include "eval/statistics.h"

namespace scalselect::eval {
namespace {

/// Beyond it Student's t and the normal distribution are the same to six digits.
constexpr double kManyFreedom = 1e6;

double z_sum(double power, double level) { return normal_quantile(1 - level / 2) + normal_quantile(power); }

/// P(|(Z + shift) / s| > critical) over s, the square root of a chi-square over its `freedom` >= 1 degrees of freedom;
/// Simpson's rule over all of s that has weight.
double t_rejection(double critical, double shift, double freedom) {
  const auto beyond = [&](double s) { return normal_cdf(shift - critical * s) + normal_cdf(-shift - critical * s); };
  if (freedom > kManyFreedom) return beyond(1);
  const double half = freedom / 2, spread = 12 / std::sqrt(2 * freedom);
  const double constant = std::numbers::ln2 + half * std::log(half) - std::lgamma(half);
  // Over the root of s, whose points lie close near 0, where few degrees of freedom have their critical part.
  const double low = std::sqrt(std::max(0.0, 1 - spread)), high = std::sqrt(1 + spread);
  constexpr int kSteps = 1000;
  const double width = (high - low) / kSteps;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double root = low + width * i, s = root * root;
    const double logs = freedom == 1 ? 0 : (freedom - 1) * std::log(s);  // -inf at s = 0: a density of 0
    const double density = std::exp(constant + logs - half * s * s);
    sum += (i == 0 || i == kSteps ? 1 : i % 2 == 1 ? 4 : 2) * density * beyond(s) * 2 * root;
  }
  return sum * width / 3;
}

/// The x in [low, high] at which the increasing `value` reaches `aim`.
template <class Function>
double solve(double aim, double low, double high, const Function& value) {
  for (int i = 0; i < 200 && high - low > 1e-12 * std::max(1.0, high); ++i) {
    const double middle = (low + high) / 2;
    (value(middle) < aim ? low : high) = middle;
  }
  return (low + high) / 2;
}

double t_critical(double freedom, double level) {
  if (freedom > kManyFreedom) return normal_quantile(1 - level / 2);
  return student_t_quantile(1 - level / 2, freedom);
}

double freedom_of(const DifferenceNoise& noise, std::int64_t seeds) {
  const double n = static_cast<double>(seeds);
  const double from_seeds = noise.seed * noise.seed / n, all = from_seeds + noise.question * noise.question;
  if (seeds < 2 || from_seeds == 0) return std::numeric_limits<double>::infinity();
  return (n - 1) * (all / from_seeds) * (all / from_seeds);
}

double power_at(double difference, double standard_error, double freedom, double level) {
  return t_rejection(t_critical(freedom, level), std::abs(difference) / standard_error, freedom);
}

void check_question(double difference, double power, double level) {
  SCALSELECT_CHECK(difference != 0 && level > 0 && level < power && power < 1);
}

}  // namespace

double paired_standard_error(double discordant_share, double questions) {
  SCALSELECT_CHECK(discordant_share >= 0 && questions > 0);
  return std::sqrt(discordant_share / questions);
}

double detectable_difference(double discordant_share, double questions, double power, double level) {
  return z_sum(power, level) * paired_standard_error(discordant_share, questions);
}

double questions_needed(double difference, double discordant_share, double power, double level) {
  check_question(difference, power, level);
  const double z = z_sum(power, level) / difference;
  return discordant_share * z * z;
}

double DifferenceNoise::of_mean(double seeds) const {
  SCALSELECT_CHECK(seeds >= 1);
  return std::sqrt(seed * seed / seeds + question * question);
}

double power_of(double difference, const DifferenceNoise& noise, std::int64_t seeds, double level) {
  const double error = noise.of_mean(static_cast<double>(seeds));
  if (error == 0) return difference == 0 ? level : 1;
  return power_at(difference, error, freedom_of(noise, seeds), level);
}

double detectable_difference(const DifferenceNoise& noise, std::int64_t seeds, double power, double level) {
  const double error = noise.of_mean(static_cast<double>(seeds));
  if (error == 0) return 0;
  const double freedom = freedom_of(noise, seeds), critical = t_critical(freedom, level);
  double high = 2;
  while (t_rejection(critical, high, freedom) < power) high *= 2;
  return error * solve(power, 0, high, [&](double shift) { return t_rejection(critical, shift, freedom); });
}

std::optional<std::int64_t> seeds_needed(double difference, const DifferenceNoise& noise, double power, double level,
                                         std::int64_t most) {
  check_question(difference, power, level);
  const auto enough = [&](std::int64_t seeds) { return power_of(difference, noise, seeds, level) >= power; };
  // One seed's noise cannot be estimated: where training adds noise, two are the least.
  const std::int64_t least = noise.seed > 0 ? 2 : 1;
  if (enough(least)) return least;
  if (noise.seed == 0 || !enough(most)) return {};
  std::int64_t low = least, high = most;  // power grows with the seeds
  while (high - low > 1) {
    const auto middle = low + (high - low) / 2;
    (enough(middle) ? high : low) = middle;
  }
  return high;
}

std::optional<double> question_factor_needed(double difference, const DifferenceNoise& noise, std::int64_t seeds,
                                             double power, double level) {
  check_question(difference, power, level);
  // With s times the questions their noise is divided by sqrt(s).
  const auto power_with = [&](double factor) {
    return power_of(difference, {noise.seed, noise.question / std::sqrt(factor)}, seeds, level);
  };
  constexpr double kMost = 1e5, kLeast = 1e-3, kStep = 1.25;
  // The first that is enough is looked for step by step: with few seeds power may fall again, as a test whose noise
  // comes from the seeds alone has the fewest degrees of freedom.
  double factor = kLeast;
  while (power_with(factor) < power) {
    if (factor > kMost) return {};
    factor *= kStep;
  }
  if (factor == kLeast) return factor;
  const auto at_log = [&](double x) { return power_with(std::exp(x)); };
  return std::exp(solve(power, std::log(factor / kStep), std::log(factor), at_log));
}

double relative_standard_error(std::span<const ColumnNoise> columns) {
  SCALSELECT_CHECK(!columns.empty());
  double squares = 0;
  for (const auto& column : columns) squares += std::pow(column.standard_error / column.full, 2);
  return 100 * std::sqrt(squares) / static_cast<double>(columns.size());
}

}  // namespace scalselect::eval
