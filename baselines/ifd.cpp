// Instruction-following difficulty (Cherry LLM, arXiv 2308.12032): how little the image and the instruction help with
// the answer.
//
// r = loss(answers | image, instruction) / loss(answers alone), of mean token losses. Samples with r > 1, whose answers
// fit worse with their question than without, are set aside; of the others the largest r are kept. "Alone" keeps each
// answer's own header, as the authors do. `ratio=perplexity` takes exp of both losses first, which the authors accept
// too; it ranks by the difference of the losses.
#include <cmath>
#include <functional>

#include "baselines/registry.h"
#include "baselines/row_scores.h"

namespace scalselect {
namespace {

enum class Ratio { kLoss, kPerplexity };

struct IfdOptions {
  Ratio ratio = Ratio::kLoss;
  bool discard_above_one = true;

  template <class Visitor>
  static void describe(Visitor& v, IfdOptions& o) {
    v.choice("ratio", o.ratio, {{"loss", Ratio::kLoss}, {"perplexity", Ratio::kPerplexity}},
             "of mean token losses, or of perplexities");
    v.field("discard_above_one", o.discard_above_one,
            "rows with a ratio above 1 come after all others, the smallest first");
  }
};

double ratio(const IfdOptions& options, double given, double alone) {
  return options.ratio == Ratio::kLoss ? given / alone : std::exp(given - alone);
}

SelectionResult select(const IfdOptions& options, const MethodInput& input, std::int64_t) {
  const auto given = mean_losses(input.features.at(0), input.pool_size, LossAverage::kTokens);
  const auto alone = mean_losses(input.features.at(1), input.pool_size, LossAverage::kTokens);
  SelectionResult result;
  std::int64_t above = 0;
  for (std::size_t row = 0; row < given.size(); ++row) {
    const double r = ratio(options, given[row], alone[row]);
    above += r > 1 ? 1 : 0;
    result.scores.push_back(options.discard_above_one && r > 1 ? -r : r);
  }
  result.facts["above_one"] = above;
  return result;
}

Method make(const IfdOptions& options) {
  return {.needs = {AnswerLossSpec{}, AnswerLossSpec{true}},
          .budget_use = BudgetUse::kScores,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry ifd_entry() {
  return method_entry("ifd", "samples whose image and instruction help least with the answer",
                      "two full forward passes per row, the second of text only; time O(N log N), memory O(N)",
                      "arXiv 2308.12032; as a VLM baseline in arXiv 2608.30209", make);
}

}  // namespace scalselect
