// ScalSelect's leverage as a probability instead of a rank: rows are drawn one after the other without replacement,
// each time in proportion to their leverage (what CUR does with columns: Mahoney and Drineas 2009).
//
// Drawn by keys (Efraimidis and Spirakis 2006): row i gets log(u_i) / pi_i with u_i uniform, the largest keys win; so
// every budget is a prefix. Rows of leverage 0 come last, by ascending row.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "baselines/leverage_options.h"
#include "baselines/registry.h"
#include "core/rng.h"

namespace scalselect {
namespace {

std::vector<double> keys(const std::vector<double>& leverage, const MethodInput& input) {
  Rng rng(input.seed, "baselines/scalselect_sampled");
  std::vector<double> keys(leverage.size(), std::nan(""));
  for (const auto row : input.candidates) {
    const double weight = leverage[static_cast<std::size_t>(row)], draw = 1 - rng.uniform();  // in (0, 1]
    if (std::isnan(weight)) continue;
    keys[static_cast<std::size_t>(row)] =
        weight > 0 ? std::log(draw) / weight : -std::numeric_limits<double>::infinity();
  }
  return keys;
}

SelectionResult select(const LeverageOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto& table = input.features.at(0);
  const auto scored = score_rows(*table.vectors, options.features.subspace);
  SelectionResult result;
  result.scores = by_pool_row(table.rows, scored.scores, input.pool_size);
  result.rows = top_rows(keys(result.scores, input), input.candidates, budget);
  result.facts = subspace_facts(scored);
  return result;
}

Method make(const LeverageOptions& options) {
  return {.needs = {scalselect_feature(options.features)},
          .budget_use = BudgetUse::kPrefix,
          .uses_seed = true,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry scalselect_sampled_entry() {
  return method_entry("scalselect_sampled", "rows drawn in proportion to ScalSelect's leverage",
                      "as scalselect: time O(N d^2 + d^3), memory O(d^2 + N), streaming",
                      "variant of arXiv 2602.11636; sampling of Efraimidis and Spirakis 2006", make);
}

}  // namespace scalselect
