// ScalSelect turned round: rows are ranked by what its subspace does not hold of them, the squared length of z_i
// outside the k leading directions. Where leverage asks for the extremes of what the pool is about, this asks for what
// it is hardly about.
#include "baselines/entry.h"
#include "baselines/leverage_options.h"

namespace scalselect {
namespace {

class Residual final : public SelectionMethod {
 public:
  explicit Residual(const LeverageOptions& options) : options_(options) {}
  std::vector<FeatureSpec> needs() const override { return {scalselect_feature(options_.features)}; }
  BudgetUse budget_use() const override { return BudgetUse::kScores; }
  bool uses_seed() const override { return false; }

  SelectionResult select(const MethodInput& input, std::int64_t budget) const override {
    const auto& table = input.features.at(0);
    SubspaceDetails details;
    const auto scored = score_rows(*table.vectors, options_.features.subspace, &details);
    SelectionResult result;
    result.scores = by_pool_row(table, details.residuals, input.pool_size);
    result.rows = top_rows(result.scores, input.candidates, budget);
    result.facts = subspace_facts(scored);
    return result;
  }

 private:
  LeverageOptions options_;
};

std::unique_ptr<SelectionMethod> make(const LeverageOptions& options) { return std::make_unique<Residual>(options); }

}  // namespace

MethodEntry scalselect_residual_entry() {
  return method_entry<LeverageOptions>("scalselect_residual", "rows that ScalSelect's leading directions explain least",
                                       "as scalselect: time O(N d^2 + d^3), memory O(d^2 + N k), streaming",
                                       "variant of arXiv 2602.11636", make);
}

}  // namespace scalselect
