#include "baselines/row_scores.h"

#include <cmath>
#include <utility>

#include "selector/rows.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlockRows = 1024;

}  // namespace

std::vector<double> row_scores(const FeatureTable& table, std::int64_t pool_size,
                               const std::function<double(std::span<const float> vector)>& score) {
  std::vector<double> scores(static_cast<std::size_t>(pool_size), std::nan(""));
  for_each_block(*table.vectors, kBlockRows, [&](std::int64_t first, const ConstRows& block) {
    for (std::int64_t i = 0; i < block.rows(); ++i) {
      const auto row = table.rows[static_cast<std::size_t>(first + i)];
      scores[static_cast<std::size_t>(row)] = score(row_span(block, i));
    }
  });
  return scores;
}

Method row_ranking(FeatureSpec spec, std::function<double(std::span<const float>)> score) {
  return {.needs = {std::move(spec)},
          .budget_use = BudgetUse::kScores,
          .select = [score = std::move(score)](const MethodInput& input, std::int64_t) {
            SelectionResult result;
            result.scores = row_scores(input.features.at(0), input.pool_size, score);
            return result;
          }};
}

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
