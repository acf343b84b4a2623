// ScalSelect, and variants of it that rank other features by the same leverage.
//
// A visual token's state after layer 1 never depends on the instruction (attention is causal and the image comes
// first), so the instruction acts only by choosing tokens. Three variants take this away, and more, step by step:
//   scalselect_all_tokens      every visual token after layer 1: without the choice of tokens;
//   scalselect_no_instruction  every visual token as it enters the decoder (layer 0, the projector's output): also
//                              without anything that the language model makes of the image;
//   scalselect_tower           the vision tower's patches before the projector: also without what aligns them.
// And one goes the other way: scalselect_last_layer takes the same tokens after the last layer (and the final norm).
#include "baselines/registry.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

constexpr const char* kCost =
    "tower, projector and one decoder layer per row; time O(N d^2 + d^3), memory O(d^2), streaming";

/// What is left to choose when tokens and layer are given.
struct VariantOptions {
  SubspaceOptions subspace;

  template <class Visitor>
  static void describe(Visitor& v, VariantOptions& o) {
    v.field("subspace", o.subspace, "scoring of the stacked vectors");
  }
};

template <int kHiddenLayer>
Method make_variant(const VariantOptions& variant) {
  ScalSelectOptions options;
  options.hidden_layer = kHiddenLayer;
  options.tokens = TokenChoice::kAll;
  options.subspace = variant.subspace;
  return make_scalselect(options);
}

Method make_tower(const VariantOptions& variant) {
  ScalSelectOptions options;
  options.representation = Representation::kTower;
  options.subspace = variant.subspace;
  return make_scalselect(options);
}

Method make_last_layer(const VariantOptions& variant) {
  ScalSelectOptions options;
  options.hidden_layer = -1;
  options.subspace = variant.subspace;
  return make_scalselect(options);
}

}  // namespace

MethodEntry scalselect_entry() {
  return method_entry("scalselect", "leverage of instruction-conditioned early representations", kCost,
                      "arXiv 2602.11636", make_scalselect);
}

MethodEntry scalselect_all_tokens_entry() {
  return method_entry("scalselect_all_tokens",
                      "ScalSelect on the mean of all visual tokens after layer 1: no choice of tokens", kCost,
                      "ablation of arXiv 2602.11636", make_variant<1>);
}

MethodEntry scalselect_no_instruction_entry() {
  return method_entry("scalselect_no_instruction",
                      "ScalSelect on the mean of the projected image tokens: neither instruction nor language model",
                      kCost, "ablation of arXiv 2602.11636", make_variant<0>);
}

MethodEntry scalselect_tower_entry() {
  return method_entry("scalselect_tower",
                      "ScalSelect on the mean of the vision tower's patches: no projector, no decoder",
                      "the vision tower per row; time O(N d^2 + d^3), memory O(d^2), streaming",
                      "ablation of arXiv 2602.11636", make_tower);
}

MethodEntry scalselect_last_layer_entry() {
  return method_entry(
      "scalselect_last_layer", "ScalSelect on the same visual tokens after the last decoder layer",
      "one forward pass per row (of the text, layer 1 only); time O(N d^2 + d^3), memory O(d^2), streaming",
      "ablation of arXiv 2602.11636", make_last_layer);
}

}  // namespace scalselect
