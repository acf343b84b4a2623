#include "selector/scalselect.h"

#include <algorithm>
#include <limits>

#include "core/check.h"
#include "core/log.h"

namespace scalselect {
namespace {

constexpr std::size_t kSpectrumShown = 256;

class ScalSelect final : public SelectionMethod {
 public:
  explicit ScalSelect(const ScalSelectOptions& options) : options_(options) {}
  std::vector<FeatureSpec> needs() const override { return {scalselect_feature(options_)}; }
  BudgetUse budget_use() const override { return BudgetUse::kScores; }
  bool uses_seed() const override { return false; }
  SelectionResult select(const MethodInput& input, std::int64_t budget) const override {
    return rank_by_leverage(input.features.at(0), options_.subspace, input, budget);
  }

 private:
  ScalSelectOptions options_;
};

}  // namespace

nlohmann::ordered_json subspace_facts(const SubspaceScores& scores) {
  const auto shown = std::min(scores.energy.size(), kSpectrumShown);
  return {{"k", scores.directions},
          {"rank", scores.rank},
          {"energy_kept", scores.energy_kept},
          {"refined", scores.refined},
          {"excluded", scores.excluded.size()},
          {"spectrum",
           std::vector<double>(scores.energy.begin(), scores.energy.begin() + static_cast<std::ptrdiff_t>(shown))}};
}

std::vector<double> by_pool_row(const FeatureTable& table, const std::vector<double>& values, std::int64_t pool_size) {
  SCALSELECT_CHECK(table.rows.size() == values.size());
  std::vector<double> spread(static_cast<std::size_t>(pool_size), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < table.rows.size(); ++i) spread[static_cast<std::size_t>(table.rows[i])] = values[i];
  return spread;
}

FeatureSpec scalselect_feature(const ScalSelectOptions& options) {
  if (options.representation == Representation::kTower) return TowerMeanSpec{};
  if (options.representation != Representation::kVisual) {
    const bool user = options.representation == Representation::kUserMean;
    return HiddenMeanSpec{options.hidden_layer, user ? TokenSet::kUser : TokenSet::kText, TokenWeights::kUniform};
  }
  PooledVisualSpec spec;
  spec.states = {options.hidden_layer, options.attention_layer, options.roles, options.deepstack};
  spec.choice = options.tokens;
  spec.mass = options.theta;
  spec.top_k = options.top_k;
  spec.fraction = options.fraction;
  return spec;
}

std::unique_ptr<SelectionMethod> make_scalselect(const ScalSelectOptions& options) {
  return std::make_unique<ScalSelect>(options);
}

SelectionResult rank_by_leverage(const FeatureTable& table, const SubspaceOptions& options, const MethodInput& input,
                                 std::int64_t budget) {
  const auto scored = score_rows(*table.vectors, options);
  if (scored.directions == 0) log_warning("All feature vectors are equal: every score is 0, rows are taken in order.");
  SelectionResult result;
  result.scores = by_pool_row(table, scored.scores, input.pool_size);
  result.rows = top_rows(result.scores, input.candidates, budget);
  result.facts = subspace_facts(scored);
  return result;
}

}  // namespace scalselect
