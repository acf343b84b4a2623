// Uniform without replacement (reference point of every published table; run several seeds).
#include <algorithm>

#include "baselines/registry.h"
#include "core/rng.h"

namespace scalselect {
namespace {

struct RandomOptions {
  template <class Visitor>
  static void describe(Visitor&, RandomOptions&) {}
};

SelectionResult select(const MethodInput& input, std::int64_t budget) {
  SelectionResult result;
  result.rows = input.candidates;
  Rng(input.seed, "baselines/random").shuffle(result.rows);
  result.rows.resize(static_cast<std::size_t>(budget));
  return result;
}

Method make(const RandomOptions&) { return {.budget_use = BudgetUse::kPrefix, .uses_seed = true, .select = select}; }

}  // namespace

MethodEntry random_entry() {
  return method_entry("random", "uniform without replacement", "time O(N), memory O(N); no model", "folklore", make);
}

}  // namespace scalselect
