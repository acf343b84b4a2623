// The whole pool: the row that every other method is measured against.
#include "baselines/entry.h"

namespace scalselect {
namespace {

struct FullOptions {
  template <class Visitor>
  static void describe(Visitor&, FullOptions&) {}
};

class Full final : public SelectionMethod {
 public:
  std::vector<FeatureSpec> needs() const override { return {}; }
  BudgetUse budget_use() const override { return BudgetUse::kPrefix; }
  bool uses_seed() const override { return false; }
  SelectionResult select(const MethodInput& input, std::int64_t budget) const override {
    SelectionResult result;
    result.rows.assign(input.candidates.begin(), input.candidates.begin() + budget);
    return result;
  }
};

std::unique_ptr<SelectionMethod> make(const FullOptions&) { return std::make_unique<Full>(); }

}  // namespace

MethodEntry full_entry() {
  return method_entry<FullOptions>("full",
                                   "the whole pool, whatever the budget (with a smaller budget: its first rows)",
                                   "time O(N), memory O(N); no model", "reference row", make);
}

}  // namespace scalselect
