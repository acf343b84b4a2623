// The longest samples, in tokens of the target model's tokenizer; image tokens are never counted.
#include <limits>

#include "baselines/entry.h"

namespace scalselect {
namespace {

enum class Counted { kUser = 0, kAssistant = 1, kAll = 2 };  // columns of TokenCountSpec

struct LengthOptions {
  Counted tokens = Counted::kAssistant;
  bool longest = true;

  template <class Visitor>
  static void describe(Visitor& v, LengthOptions& o) {
    v.choice("tokens", o.tokens, {{"assistant", Counted::kAssistant}, {"user", Counted::kUser}, {"all", Counted::kAll}},
             "which turns are counted");
    v.field("longest", o.longest, "prefer long samples; false: short ones");
  }
};

class Length final : public SelectionMethod {
 public:
  explicit Length(const LengthOptions& options) : options_(options) {}
  std::vector<FeatureSpec> needs() const override { return {TokenCountSpec{}}; }
  BudgetUse budget_use() const override { return BudgetUse::kScores; }
  bool uses_seed() const override { return false; }
  SelectionResult select(const MethodInput& input, std::int64_t budget) const override {
    const auto& table = input.features.at(0);
    SelectionResult result;
    result.scores.assign(static_cast<std::size_t>(input.pool_size), std::numeric_limits<double>::quiet_NaN());
    std::vector<float> counts(static_cast<std::size_t>(table.vectors->cols()));
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
      table.vectors->read(static_cast<std::int64_t>(i), 1, counts.data());
      const double count = counts[static_cast<std::size_t>(options_.tokens)];
      result.scores[static_cast<std::size_t>(table.rows[i])] = options_.longest ? count : -count;
    }
    result.rows = top_rows(result.scores, input.candidates, budget);
    return result;
  }

 private:
  LengthOptions options_;
};

std::unique_ptr<SelectionMethod> make(const LengthOptions& options) { return std::make_unique<Length>(options); }

}  // namespace

MethodEntry length_entry() {
  return method_entry<LengthOptions>("length", "the longest answers", "time O(N), memory O(N); tokenizer only",
                                     "long is more (arXiv 2402.04833); as a VLM baseline in arXiv 2608.30209", make);
}

}  // namespace scalselect
