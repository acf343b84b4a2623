#include "baselines/row_scores.h"

#include <limits>
#include <utility>

namespace scalselect {
std::vector<double> row_scores(const FeatureTable& table, std::int64_t pool_size,
                               const std::function<double(std::span<const float> vector)>& score) {
  std::vector<double> scores(static_cast<std::size_t>(pool_size), std::numeric_limits<double>::quiet_NaN());
  std::vector<float> vector(static_cast<std::size_t>(table.vectors->cols()));
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    table.vectors->read(static_cast<std::int64_t>(i), 1, vector.data());
    scores[static_cast<std::size_t>(table.rows[i])] = score(vector);
  }
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

}  // namespace scalselect
