#include "eval/metrics.h"

#include <cmath>
#include <limits>

#include "core/check.h"

namespace scalselect::eval {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// In the order in which Python's harnesses compute it, for the same last digit.
double percent(double part, double whole) { return whole > 0 ? 100 * (part / whole) : 0; }

}  // namespace

double relative_performance(std::span<const double> scores, std::span<const double> full) {
  SCALSELECT_CHECK(scores.size() == full.size() && !scores.empty());
  double sum = 0;
  for (std::size_t k = 0; k < scores.size(); ++k) {
    if (full[k] == 0) return kNan;
    sum += scores[k] / full[k];
  }
  return 100 * sum / static_cast<double>(scores.size());
}

double relative_geometric(std::span<const double> scores, std::span<const double> full) {
  SCALSELECT_CHECK(scores.size() == full.size() && !scores.empty());
  double logs = 0;
  for (std::size_t k = 0; k < scores.size(); ++k) {
    if (full[k] == 0) return kNan;
    logs += std::log(scores[k] / full[k]);  // of 0 minus infinity, whose exponential is 0
  }
  return 100 * std::exp(logs / static_cast<double>(scores.size()));
}

double relative_above_chance(std::span<const double> scores, std::span<const double> full,
                             std::span<const double> chance) {
  SCALSELECT_CHECK(scores.size() == full.size() && scores.size() == chance.size() && !scores.empty());
  double sum = 0;
  for (std::size_t k = 0; k < scores.size(); ++k) {
    if (full[k] == chance[k]) return kNan;
    sum += (scores[k] - chance[k]) / (full[k] - chance[k]);
  }
  return 100 * sum / static_cast<double>(scores.size());
}

double Confusion::accuracy() const { return percent(tp + tn, tp + fp + tn + fn); }
double Confusion::precision() const { return percent(tp, tp + fp); }
double Confusion::recall() const { return percent(tp, tp + fn); }
double Confusion::f1() const {
  if (tp == 0) return 0;
  const double p = tp / (tp + fp), r = tp / (tp + fn);
  return 100 * (2 * (p * r) / (p + r));
}
double Confusion::yes_ratio() const { return percent(tp + fp, tp + fp + tn + fn); }

}  // namespace scalselect::eval
