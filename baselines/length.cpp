// The longest samples. Papers mean different things by length, so the unit is an option: tokens of the target model's
// tokenizer (image tokens never counted), assistant turns, or characters of the answers.
#include "baselines/registry.h"
#include "baselines/row_scores.h"

namespace scalselect {
namespace {

enum class Counted { kAssistant, kUser, kConversation, kAll, kTurns, kCharacters };

struct LengthOptions {
  Counted count = Counted::kAssistant;
  bool longest = true;

  template <class Visitor>
  static void describe(Visitor& v, LengthOptions& o) {
    v.choice("count", o.count,
             {{"assistant", Counted::kAssistant},
              {"user", Counted::kUser},
              {"conversation", Counted::kConversation},
              {"all", Counted::kAll},
              {"turns", Counted::kTurns},
              {"characters", Counted::kCharacters}},
             "tokens of the answers, of the questions, of both, of all text with the template; or assistant turns, or "
             "characters of the answers");
    v.field("longest", o.longest, "prefer long samples; false: short ones");
  }
};

/// `lengths`: a vector of TokenCountSpec.
double count_of(Counted counted, std::span<const float> lengths) {
  switch (counted) {
    case Counted::kUser: return lengths[0];
    case Counted::kAssistant: return lengths[1];
    case Counted::kConversation: return static_cast<double>(lengths[0]) + lengths[1];
    case Counted::kAll: return lengths[2];
    case Counted::kTurns: return lengths[3];
    case Counted::kCharacters: return lengths[4];
  }
  return 0;
}

Method make(const LengthOptions& options) {
  return row_ranking(TokenCountSpec{}, [options](std::span<const float> lengths) {
    const double count = count_of(options.count, lengths);
    return options.longest ? count : -count;
  });
}

}  // namespace

MethodEntry length_entry() {
  return method_entry("length", "the longest answers", "time O(N), memory O(N); tokenizer only",
                      "long is more (arXiv 2402.04833); as a VLM baseline in arXiv 2608.30209", make);
}

}  // namespace scalselect
