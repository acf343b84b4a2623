// EL2N (Paul et al., arXiv 2107.07075), as instruction tuning uses it: the mean over answer tokens of the length of the
// error vector, ||softmax(logits) - onehot||_2. Large means hard.
//
// The classification paper averages over several models early in training; here one model is used, as in COINCIDE's
// code (arXiv 2406.10995), whose float16 scores tie often; these are float32.
#include <cmath>

#include "baselines/registry.h"
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

Method make(const El2nOptions& options) {
  const double sign = options.part == Part::kHard ? 1 : -1;
  return row_ranking(AnswerLossSpec{}, [sign](std::span<const float> loss) {
    return loss[1] == 0 ? std::nan("") : sign * loss[3] / loss[1];
  });
}

}  // namespace

MethodEntry el2n_entry() {
  return method_entry("el2n", "samples whose answers the model's probabilities miss most",
                      "one full forward pass per row; time O(N log N), memory O(N)",
                      "arXiv 2107.07075; for VLMs in COINCIDE's code (arXiv 2406.10995)", make);
}

}  // namespace scalselect
