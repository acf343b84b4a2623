// The whole pool: the reference that every other method is measured against.
#include "baselines/registry.h"

namespace scalselect {
namespace {

struct FullOptions {
  template <class Visitor>
  static void describe(Visitor&, FullOptions&) {}
};

SelectionResult select(const MethodInput& input, std::int64_t) {
  SelectionResult result;
  result.rows = input.candidates;
  return result;
}

Method make(const FullOptions&) { return {.budget_use = BudgetUse::kAll, .select = select}; }

}  // namespace

MethodEntry full_entry() {
  return method_entry("full", "the whole pool, whatever the budget", "time O(N), memory O(N); no model", "reference",
                      make);
}

}  // namespace scalselect
