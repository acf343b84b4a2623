#include "selector/attention_pooling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/check.h"
#include "selector/rows.h"

namespace scalselect {
namespace {

std::vector<std::int32_t> in_sequence(std::size_t count) {
  std::vector<std::int32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

/// Most attended first, ties by position; attention that is zero everywhere keeps the order of the sequence.
std::vector<std::int32_t> by_attention(std::span<const float> attention) {
  auto order = in_sequence(attention.size());
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return attention[static_cast<std::size_t>(a)] > attention[static_cast<std::size_t>(b)];
  });
  return order;
}

/// Number of tokens until the running sum first exceeds mass * total.
std::size_t strict_count(std::span<const float> attention, const std::vector<std::int32_t>& order, double mass) {
  const double total = std::accumulate(attention.begin(), attention.end(), 0.0);
  const bool uniform = !(total > 0);
  const double threshold = mass * (uniform ? static_cast<double>(order.size()) : total);
  double sum = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    sum += uniform ? 1.0 : attention[static_cast<std::size_t>(order[i])];
    if (sum > threshold) return i + 1;
  }
  return order.size();
}

/// The same with the roundings of the authors' script under PyTorch on a CPU: float32 shares, a running sum kept in
/// float64 and rounded to float32 at each step, a threshold rounded to float32.
std::size_t compat_count(std::span<const float> attention, const std::vector<std::int32_t>& order, double mass) {
  const auto total = static_cast<float>(std::accumulate(attention.begin(), attention.end(), 0.0));
  const bool uniform = !(total > 0);
  const auto equal = 1.0F / static_cast<float>(order.size());
  const auto threshold = static_cast<float>(mass);
  double sum = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    sum += uniform ? equal : attention[static_cast<std::size_t>(order[i])] / total;
    if (static_cast<float>(sum) > threshold) return i + 1;
  }
  return order.size();
}

std::size_t kept_count(std::span<const float> attention, const std::vector<std::int32_t>& order,
                       const PooledVisualSpec& spec) {
  switch (spec.choice) {
    case TokenChoice::kMass:
      return spec.states.roles == TokenRoles::kCompat ? compat_count(attention, order, spec.mass)
                                                      : strict_count(attention, order, spec.mass);
    case TokenChoice::kTopK: return std::min(static_cast<std::size_t>(std::max(spec.top_k, 1)), order.size());
    case TokenChoice::kFraction: {
      const double count = std::ceil(spec.fraction * static_cast<double>(order.size()));
      return std::clamp<std::size_t>(static_cast<std::size_t>(count), 1, order.size());
    }
    case TokenChoice::kAll: return order.size();
  }
  return order.size();
}

}  // namespace

std::vector<std::int32_t> kept_tokens(std::span<const float> attention, const PooledVisualSpec& spec) {
  SCALSELECT_CHECK(!attention.empty());
  if (spec.choice == TokenChoice::kAll) return in_sequence(attention.size());
  auto order = by_attention(attention);
  order.resize(kept_count(attention, order, spec));
  return order;
}

std::vector<float> pool_visual(const EarlyStates& states, const PooledVisualSpec& spec) {
  SCALSELECT_CHECK(states.attention.size() == static_cast<std::size_t>(states.hidden.rows));
  auto kept = kept_tokens(states.attention, spec);
  std::sort(kept.begin(), kept.end());
  const auto hidden = as_matrix(states.hidden);
  Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(hidden.cols());
  for (const auto token : kept) sum += hidden.row(token).cast<double>();
  const Eigen::RowVectorXf mean = (sum / static_cast<double>(kept.size())).cast<float>();
  return {mean.begin(), mean.end()};
}

}  // namespace scalselect
