// ScalSelect reversed: rows are ranked by what its subspace does not hold of them, the squared length of z_i outside
// the k leading directions. Where leverage finds the extremes of what the pool is about, this finds what it is hardly
// about.
#include <functional>

#include "baselines/leverage_options.h"
#include "baselines/registry.h"

namespace scalselect {
namespace {

SelectionResult select(const LeverageOptions& options, const MethodInput& input, std::int64_t) {
  const auto& table = input.features.at(0);
  SubspaceDetails details;
  const auto scored = score_rows(*table.vectors, options.features.subspace, &details);
  SelectionResult result;
  result.scores = by_pool_row(table.rows, details.residuals, input.pool_size);
  result.facts = subspace_facts(scored);
  return result;
}

Method make(const LeverageOptions& options) {
  return {.needs = {scalselect_feature(options.features)},
          .budget_use = BudgetUse::kScores,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry scalselect_residual_entry() {
  return method_entry("scalselect_residual", "rows that ScalSelect's leading directions explain least",
                      "as scalselect: time O(N d^2 + d^3), memory O(d^2 + N k), streaming",
                      "variant of arXiv 2602.11636", make);
}

}  // namespace scalselect
