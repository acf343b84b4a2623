#include "baselines/row_scores.h"

#include <limits>
#include <utility>

namespace scalselect {
namespace {

class RowRanking final : public SelectionMethod {
 public:
  RowRanking(FeatureSpec spec, std::function<double(std::span<const float>)> score)
      : spec_(std::move(spec)), score_(std::move(score)) {}
  std::vector<FeatureSpec> needs() const override { return {spec_}; }
  BudgetUse budget_use() const override { return BudgetUse::kScores; }
  bool uses_seed() const override { return false; }
  SelectionResult select(const MethodInput& input, std::int64_t budget) const override {
    SelectionResult result;
    result.scores = row_scores(input.features.at(0), input.pool_size, score_);
    result.rows = top_rows(result.scores, input.candidates, budget);
    return result;
  }

 private:
  FeatureSpec spec_;
  std::function<double(std::span<const float>)> score_;
};

}  // namespace

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

std::unique_ptr<SelectionMethod> row_ranking(FeatureSpec spec, std::function<double(std::span<const float>)> score) {
  return std::make_unique<RowRanking>(std::move(spec), std::move(score));
}

}  // namespace scalselect
