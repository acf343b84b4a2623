// Many short facts about one picture in one sequence, each as if it alone followed the picture.
//
// Layout: <s>, 36 image tokens, fact 1, fact 2, ... Every fact sees the prefix and itself, never another fact, and its
// positions begin again right after the prefix: its logits are those of the fact alone (tests/trainer/packing_test).
// One forward pass through the picture thus carries a dozen facts of signal.
#pragma once

#include <cstdint>
#include <vector>

#include "core/rng.h"
#include "data/mini/facts.h"
#include "trainer/pretrain/options.h"
#include "vlm/libtorch.h"

namespace scalselect::pretrain {

/// Tokens before the facts: `<s>` and one image token per patch.
inline constexpr std::int64_t kPrefixTokens = 1 + mini::kPatches;

/// One picture's facts, without the prefix.
struct PackedFacts {
  std::vector<std::int64_t> ids;        ///< facts end to end
  std::vector<std::int64_t> segments;   ///< number of the fact each token belongs to
  std::vector<std::int64_t> positions;  ///< kPrefixTokens at the first token of each fact, then rising
  std::vector<std::uint8_t> is_value;   ///< 1: this token is to be predicted by the one before it
  std::vector<mini::FactType> types;    ///< by fact number
};

/// Packs facts in order as long as they fit into `room` tokens (longer ones are skipped). The first token of a fact is
/// never a target: nothing of the fact comes before it.
PackedFacts pack_facts(const std::vector<mini::Fact>& facts, std::int64_t room);

/// Draws facts of `scene` and packs them.
PackedFacts draw_packed_facts(const mini::Scene& scene, Rng& rng, const PackingOptions& options);

/// A batch ready for the decoder; T = kPrefixTokens + longest pack.
struct PackedBatch {
  torch::Tensor ids;        ///< int64 [B, T]; prefix `<s>`, `<image>` x 36; padding `<pad>`
  torch::Tensor positions;  ///< int64 [B, T]
  torch::Tensor mask;       ///< bool [B, 1, T, T], true = may attend; a padding token sees the prefix only
  torch::Tensor rows;       ///< int64 [P]: flat indices (b * T + t) of the tokens that predict a value
  torch::Tensor targets;    ///< int64 [P]: the values
  torch::Tensor types;      ///< int64 [P]: FactType of each target's fact
};

PackedBatch collate(const std::vector<PackedFacts>& packs);

}  // namespace scalselect::pretrain
