// EL2N (Paul et al., arXiv 2107.07075), as instruction tuning uses it: the mean over answer tokens of the length of the
// error vector, ||softmax(logits) - onehot||_2. Large means hard.
//
// The classification paper averages over several models early in training; here one model speaks, as in COINCIDE's code
// (arXiv 2406.10995), whose float16 scores tie often; ours are float32.
#include <cmath>

#include "baselines/entry.h"
#include "baselines/row_scores.h"

namespace scalselect {
namespace {

enum class Part { kHard, kEasy };

struct El2nOptions {
  Part part = Part::kHard;

  template <class Visitor>
  static void describe(Visitor& v, El2nOptions& o) {
    v.choice("part", o.part, {{"hard", Part::kHard}, {"easy", Part::kEasy}}, "which end of the ranking is kept");
  }
};

class El2n final : public SelectionMethod {
 public:
  explicit El2n(const El2nOptions& options) : options_(options) {}
  std::vector<FeatureSpec> needs() const override { return {AnswerLossSpec{}}; }
  BudgetUse budget_use() const override { return BudgetUse::kScores; }
  bool uses_seed() const override { return false; }
  SelectionResult select(const MethodInput& input, std::int64_t budget) const override {
    const double sign = options_.part == Part::kHard ? 1 : -1;
    SelectionResult result;
    result.scores = row_scores(input.features.at(0), input.pool_size, [&](std::span<const float> loss) {
      return loss[1] == 0 ? std::nan("") : sign * loss[3] / loss[1];
    });
    result.rows = top_rows(result.scores, input.candidates, budget);
    return result;
  }

 private:
  El2nOptions options_;
};

std::unique_ptr<SelectionMethod> make(const El2nOptions& options) { return std::make_unique<El2n>(options); }

}  // namespace

MethodEntry el2n_entry() {
  return method_entry<El2nOptions>("el2n", "samples whose answers the model's probabilities miss most",
                                   "one full forward pass a row; time O(N log N), memory O(N)",
                                   "arXiv 2107.07075; for VLMs in COINCIDE's code (arXiv 2406.10995)", make);
}

}  // namespace scalselect
