// GraNd (Paul et al., arXiv 2107.07075): the norm of a sample's gradient, averaged over early states of the model.
//
// Default: no warm-up. With fresh LoRA branches (B = 0) the norm is that of the full matrices' gradients times the
// random A, so nothing is trained. With a warm-up the norms after each of its epochs are averaged. weights=full with
// pattern=lm_head\.weight is the last-layer form that data-pruning libraries use (for a mean loss: |sum_t (p_t - y_t)
// h_t^T| / T).
#include <functional>

#include "baselines/registry.h"
#include "baselines/row_scores.h"

namespace scalselect {
namespace {

GradientOptions without_warm_up() {
  GradientOptions options;
  options.warm_up.share = 0;
  return options;
}

struct GrandOptions {
  bool largest = true;
  GradientOptions gradients = without_warm_up();

  template <class Visitor>
  static void describe(Visitor& v, GrandOptions& o) {
    v.field("largest", o.largest, "prefer large norms (hard samples); false: small ones");
    v.field("gradients", o.gradients, "weights and model state of the gradients");
  }
};

SelectionResult select(const GrandOptions& options, const MethodInput& input, std::int64_t) {
  SelectionResult result;
  result.scores.assign(static_cast<std::size_t>(input.pool_size), 0.0);
  for (const auto& table : input.features) {
    const auto norms = row_scores(table, input.pool_size, [](std::span<const float> norm) { return norm[0]; });
    for (std::size_t row = 0; row < norms.size(); ++row) result.scores[row] += norms[row];
  }
  const double share = (options.largest ? 1.0 : -1.0) / static_cast<double>(input.features.size());
  for (double& score : result.scores) score *= share;
  return result;
}

std::vector<FeatureSpec> needs_of(const GrandOptions& options) {
  std::vector<FeatureSpec> specs;
  for (const auto& item : all_points(options.gradients)) specs.push_back(GradientNormSpec{item.point});
  return specs;
}

Method make(const GrandOptions& options) {
  return {.needs = needs_of(options), .budget_use = BudgetUse::kScores, .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry grand_entry() {
  return method_entry("grand", "the largest gradients", "a forward and a backward pass per row; time O(N), memory O(N)",
                      "Paul et al., arXiv 2107.07075", make);
}

}  // namespace scalselect
