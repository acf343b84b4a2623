// By the model's mean loss on the answers: the middle of the ranking, its top or its bottom. Loss and perplexity rank
// alike.
#include <algorithm>
#include <cmath>

#include "baselines/answer_loss.h"
#include "baselines/entry.h"

namespace scalselect {
namespace {

enum class Part { kMiddle, kHigh, kLow };

struct PerplexityOptions {
  Part part = Part::kMiddle;
  LossAverage average = LossAverage::kTokens;

  template <class Visitor>
  static void describe(Visitor& v, PerplexityOptions& o) {
    v.choice("part", o.part, {{"middle", Part::kMiddle}, {"high", Part::kHigh}, {"low", Part::kLow}},
             "window of the ranking: centred on the median, hardest, or easiest samples");
    v.choice("average", o.average, {{"tokens", LossAverage::kTokens}, {"turns", LossAverage::kTurns}},
             "mean over all answer tokens, or over the turns' means");
  }
};

/// Order in which a window centred as in COINCIDE's trainer (start = N/2 - M/2) grows with M: the median, then one
/// below, one above, and so on; so every budget is a prefix.
std::vector<std::int64_t> outwards(const std::vector<std::int64_t>& ranked) {
  const auto size = static_cast<std::int64_t>(ranked.size());
  std::vector<std::int64_t> rows;
  for (std::int64_t budget = 1; budget <= size; ++budget) {
    const std::int64_t start = size / 2 - budget / 2;
    rows.push_back(ranked[static_cast<std::size_t>(budget % 2 == 0 ? start : start + budget - 1)]);
  }
  return rows;
}

class Perplexity final : public SelectionMethod {
 public:
  explicit Perplexity(const PerplexityOptions& options) : options_(options) {}
  std::vector<FeatureSpec> needs() const override { return {AnswerLossSpec{}}; }
  BudgetUse budget_use() const override {
    return options_.part == Part::kMiddle ? BudgetUse::kPrefix : BudgetUse::kScores;
  }
  bool uses_seed() const override { return false; }

  SelectionResult select(const MethodInput& input, std::int64_t budget) const override {
    SelectionResult result;
    result.scores = mean_losses(input.features.at(0), input.pool_size, options_.average);
    if (options_.part == Part::kLow) {
      for (double& score : result.scores) score = -score;
    }
    if (options_.part != Part::kMiddle) {
      result.rows = top_rows(result.scores, input.candidates, budget);
      return result;
    }
    const auto scored = std::count_if(input.candidates.begin(), input.candidates.end(), [&](std::int64_t row) {
      return !std::isnan(result.scores[static_cast<std::size_t>(row)]);
    });
    result.rows = outwards(top_rows(result.scores, input.candidates, std::max<std::int64_t>(budget, scored)));
    result.rows.resize(static_cast<std::size_t>(budget));
    return result;
  }

 private:
  PerplexityOptions options_;
};

std::unique_ptr<SelectionMethod> make(const PerplexityOptions& options) {
  return std::make_unique<Perplexity>(options);
}

}  // namespace

MethodEntry perplexity_entry() {
  return method_entry<PerplexityOptions>("perplexity", "samples of middling (or high, or low) loss under the model",
                                         "one full forward pass a row; time O(N log N), memory O(N)",
                                         "mid-range window: arXiv 2608.30209, COINCIDE's trainer (arXiv 2406.10995)",
                                         make);
}

}  // namespace scalselect
