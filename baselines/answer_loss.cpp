#include "baselines/answer_loss.h"

#include <cmath>

#include "baselines/row_scores.h"

namespace scalselect {

std::vector<double> mean_losses(const FeatureTable& table, std::int64_t pool_size, LossAverage average) {
  return row_scores(table, pool_size, [&](std::span<const float> loss) -> double {
    if (loss[1] == 0) return std::nan("");
    return average == LossAverage::kTokens ? static_cast<double>(loss[0]) / loss[1] : loss[2];
  });
}

std::vector<double> difficulties(const FeatureTable& table, const std::vector<std::int64_t>& rows,
                                 std::int64_t pool_size, LossAverage average) {
  const auto losses = mean_losses(table, pool_size, average);
  std::vector<double> values;
  for (const auto row : rows) {
    const double loss = losses[static_cast<std::size_t>(row)];
    values.push_back(std::isnan(loss) ? 0 : loss);
  }
  return values;
}

}  // namespace scalselect
