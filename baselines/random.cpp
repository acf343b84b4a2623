// Uniform without replacement (reference point of every published table; run several seeds).
#include <algorithm>

#include "baselines/entry.h"
#include "core/rng.h"

namespace scalselect {
namespace {

struct RandomOptions {
  template <class Visitor>
  static void describe(Visitor&, RandomOptions&) {}
};

class Random final : public SelectionMethod {
 public:
  std::vector<FeatureSpec> needs() const override { return {}; }
  BudgetUse budget_use() const override { return BudgetUse::kPrefix; }
  bool uses_seed() const override { return true; }
  SelectionResult select(const MethodInput& input, std::int64_t budget) const override {
    SelectionResult result;
    result.rows = input.candidates;
    Rng(input.seed, "baselines/random").shuffle(result.rows);
    result.rows.resize(static_cast<std::size_t>(budget));
    return result;
  }
};

std::unique_ptr<SelectionMethod> make(const RandomOptions&) { return std::make_unique<Random>(); }

}  // namespace

MethodEntry random_entry() {
  return method_entry<RandomOptions>("random", "uniform without replacement", "time O(N), memory O(N); no model",
                                     "folklore", make);
}

}  // namespace scalselect
