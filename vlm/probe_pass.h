// One sample's forward passes, shared and plain, and the signals that are read from them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/probes.h"
#include "vlm/chat_template.h"
#include "vlm/compat_roles.h"
#include "vlm/libtorch.h"
#include "vlm/probe.h"
#include "vlm/vlm.h"

namespace scalselect::vlm {

/// Everything that does not depend on the text after the last image.
struct PrefixStates {
  std::int64_t length = 0;
  torch::Tensor tower_mean;                      ///< float32 [feature_size]
  torch::Tensor positions;                       ///< int64 [1, length], or [3, 1, length] with M-RoPE
  std::map<std::int64_t, torch::Tensor> states;  ///< layer (-1 = after the final norm) -> [1, length, d]
  std::map<std::int64_t, torch::Tensor> raw;     ///< the same before DeepStack features are added, if requested
  std::map<std::int64_t, torch::Tensor> mixed;   ///< layer -> its attention block's output, [1, length, d]
  std::map<std::int64_t, torch::Tensor> keys;    ///< attention layer -> [1, kv, length, hd]
  std::unique_ptr<KvCache> cache;                ///< for the layers that the suffix runs; one reader at a time
  std::int64_t bytes() const;
};

/// States of all tokens that a request needs.
struct SampleStates {
  std::int64_t prefix = 0;                                           ///< tokens in the prefix
  std::map<std::int64_t, torch::Tensor> prefix_states;               ///< layer -> [1, prefix, d]
  std::map<std::int64_t, torch::Tensor> suffix_states;               ///< layer -> [1, rest, d], if the suffix was run
  std::map<std::int64_t, torch::Tensor> prefix_raw;                  ///< as PrefixStates::raw
  std::map<std::int64_t, torch::Tensor> prefix_mixed, suffix_mixed;  ///< the same of attention blocks' outputs
  torch::Tensor positions;                                           ///< of all tokens, as PrefixStates::positions
  torch::Tensor tower_mean;

  /// States of the tokens at `which` after (or in) `layer`, [n, d] in the model's dtype. `deepstack` = false: without
  /// DeepStack features.
  torch::Tensor rows(std::int64_t layer, const std::vector<std::int64_t>& which, LayerState state = LayerState::kHidden,
                     bool deepstack = true) const;
};

/// Layers whose outputs a request reads (-1 = after the final norm).
std::set<std::int64_t> layers_read(const SignalRequest& request);

/// Layers whose attention blocks' outputs a request reads.
std::set<std::int64_t> mixed_layers_read(const SignalRequest& request);

/// What a prefix is computed from: token ids, read up to the last image token, and one tensor per image, as
/// VlmImpl::encode takes them.
struct PrefixInput {
  const std::vector<std::int64_t>& ids;
  std::vector<torch::Tensor> pixels;
};

/// Runs prefixes: all pictures through the tower at once, and those of similar length through the decoder. The states
/// of several agree with those of each alone up to the rounding of matrix products whose shapes differ. Throws
/// UserError(kInput) if image tokens do not fit the pictures.
std::vector<std::shared_ptr<PrefixStates>> run_prefixes(Vlm& model, std::span<const PrefixInput> inputs,
                                                        const SignalRequest& request, const ProbeDepth& depth);

/// Runs the rest of `ids` after a prefix, to depth.suffix.
SampleStates run_suffix(Vlm& model, PrefixStates& prefix, const std::vector<std::int64_t>& ids,
                        const SignalRequest& request, const ProbeDepth& depth);

/// Runs all of `ids` through all layers at once; everything is "prefix".
SampleStates run_plain(Vlm& model, const std::vector<std::int64_t>& ids, const std::vector<torch::Tensor>& pixels,
                       const SignalRequest& request);

/// Mean over heads and `where.user` of the attention of `layer` to each of `where.visual`: float32 [visual]; zeros if
/// there is no user token. `prefix_keys`: keys of that layer for the prefix, [1, kv, prefix, hd].
torch::Tensor instruction_attention(Vlm& model, const SampleStates& states, std::int64_t layer,
                                    const TokenPositions& where, const torch::Tensor& prefix_keys);

/// The same, read from the whole S x S map of a plain run.
torch::Tensor plain_attention(Vlm& model, const SampleStates& states, std::int64_t layer, const TokenPositions& where);

/// Negative log-likelihoods of the assistant's tokens per turn. Needs states of layer -1 everywhere.
AnswerLoss answer_loss(Vlm& model, const SampleStates& states, const RenderedChat& chat, std::span<const Turn> turns);

/// The same for each assistant turn rendered alone, after its own header only (IFD's denominator): one forward pass of
/// text per turn, through all layers.
AnswerLoss lone_answer_loss(Vlm& model, const ChatTemplate& chat, std::span<const Turn> turns);

}  // namespace scalselect::vlm
