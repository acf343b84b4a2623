// By the model's mean loss on the answers: the middle of the ranking, its top or its bottom. Loss and perplexity rank
// alike.
#include <algorithm>
#include <cmath>
#include <functional>

#include "baselines/registry.h"
#include "baselines/row_scores.h"

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

SelectionResult select(const PerplexityOptions& options, const MethodInput& input, std::int64_t budget) {
  SelectionResult result;
  result.scores = mean_losses(input.features.at(0), input.pool_size, options.average);
  if (options.part == Part::kLow) {
    for (double& score : result.scores) score = -score;
  }
  if (options.part != Part::kMiddle) return result;
  const auto scored = std::ssize(scored_rows(result.scores, input.candidates));
  result.rows = outwards(top_rows(result.scores, input.candidates, std::max<std::int64_t>(budget, scored)));
  result.rows.resize(static_cast<std::size_t>(budget));
  return result;
}

Method make(const PerplexityOptions& options) {
  return {.needs = {AnswerLossSpec{}},
          .budget_use = options.part == Part::kMiddle ? BudgetUse::kPrefix : BudgetUse::kScores,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry perplexity_entry() {
  return method_entry("perplexity", "samples of middling (or high, or low) loss under the model",
                      "one full forward pass per row; time O(N log N), memory O(N)",
                      "mid-range window: arXiv 2608.30209, COINCIDE's trainer (arXiv 2406.10995)", make);
}

}  // namespace scalselect
