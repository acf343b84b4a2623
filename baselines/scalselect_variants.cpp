// ScalSelect and two variants of it that leave the instruction out.
//
// A visual token's state after layer 1 never depends on the instruction (attention is causal and the image comes
// first), so the instruction acts only by choosing tokens. The variants take this away in two steps:
//   scalselect_all_tokens      every visual token after layer 1: without the choice of tokens;
//   scalselect_no_instruction  every visual token as it enters the decoder (layer 0, the projector's output): without
//   the
//                              choice and without anything that the language model makes of the image.
#include "baselines/entry.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

constexpr const char* kCost =
    "tower, projector and one decoder layer a row; time O(N d^2 + d^3), memory O(d^2), streaming";

/// What is left to choose when tokens and layer are given.
struct VariantOptions {
  SubspaceOptions subspace;

  template <class Visitor>
  static void describe(Visitor& v, VariantOptions& o) {
    v.field("subspace", o.subspace, "scoring of the stacked vectors");
  }
};

template <int kHiddenLayer>
std::unique_ptr<SelectionMethod> make_variant(const VariantOptions& variant) {
  ScalSelectOptions options;
  options.hidden_layer = kHiddenLayer;
  options.tokens = TokenChoice::kAll;
  options.subspace = variant.subspace;
  return make_scalselect(options);
}

}  // namespace

MethodEntry scalselect_entry() {
  return method_entry<ScalSelectOptions>("scalselect", "leverage of instruction-conditioned early representations",
                                         kCost, "arXiv 2602.11636", make_scalselect);
}

MethodEntry scalselect_all_tokens_entry() {
  return method_entry<VariantOptions>("scalselect_all_tokens",
                                      "ScalSelect on the mean of all visual tokens after layer 1: no choice of tokens",
                                      kCost, "ablation of arXiv 2602.11636", make_variant<1>);
}

MethodEntry scalselect_no_instruction_entry() {
  return method_entry<VariantOptions>(
      "scalselect_no_instruction",
      "ScalSelect on the mean of the projected image tokens: neither instruction nor language model", kCost,
      "ablation of arXiv 2602.11636", make_variant<0>);
}

}  // namespace scalselect
