#include "selector/scalselect.h"

#include <algorithm>
#include <functional>

#include "core/log.h"

namespace scalselect {
namespace {

constexpr std::size_t kSpectrumShown = 256;

SelectionResult select(const ScalSelectOptions& options, const MethodInput& input, std::int64_t) {
  const auto& table = input.features.at(0);
  const auto scored = score_rows(*table.vectors, options.subspace);
  if (scored.directions == 0) log_warning("All feature vectors are equal: every score is 0, rows are taken in order.");
  SelectionResult result;
  result.scores = by_pool_row(table.rows, scored.scores, input.pool_size);
  result.facts = subspace_facts(scored);
  return result;
}

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

Method make_scalselect(const ScalSelectOptions& options) {
  return {.needs = {scalselect_feature(options)},
          .budget_use = BudgetUse::kScores,
          .select = std::bind_front(select, options)};
}

}  // namespace scalselect
