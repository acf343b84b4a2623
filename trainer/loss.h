// The training loss of a batch: right-padded sequences, causal attention, logits only before targets.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/dataset.h"
#include "trainer/recompute.h"
#include "vlm/libtorch.h"
#include "vlm/vlm.h"

namespace scalselect::trainer {

/// A batch of B samples, S = longest. Real tokens precede the padding, so causal attention needs no mask: no token that
/// matters ever attends to a padding token.
struct Batch {
  torch::Tensor ids;                 ///< int64 [B, S]
  std::vector<std::int64_t> images;  ///< indices into TrainingSet::images, in order of the placeholders
  torch::Tensor positions;           ///< int64 [P]: position in its sequence of the token before each target
  torch::Tensor rows;                ///< int64 [P]: the same as flat index b * S + position
  torch::Tensor slots;    ///< int64 [P]: b * U + rank among the sample's targets; U = most targets of a sample
  torch::Tensor fill;     ///< int64 [B * U]: index into the P of each slot (0 for an empty one)
  torch::Tensor targets;  ///< int64 [P]
  std::int64_t targets_per_row = 0;  ///< U
  std::int64_t tokens = 0;           ///< real ones
  std::int64_t supervised = 0;       ///< targets that count

  void to(torch::Device device);
};

/// `indices`: of samples in `set`. Padding gets `pad_id`, which must not be the image token. `align` > 1: S is rounded
/// up to a multiple of it and P to one of 4 * align, the extra targets being -100 (which the loss ignores). The
/// library for bfloat16 products compiles one kernel per shape: with few shapes that is cheap.
Batch collate(const TrainingSet& set, std::span<const std::int64_t> indices, std::int64_t pad_id,
              std::int64_t align = 1);

/// Final states (after the norm) of the tokens before targets, [P, d]. The last layer computes keys and values
/// everywhere, and the rest at those P tokens only; mathematically equal to decoding all of `input` at `batch.rows`.
/// `recompute`: for the layers before the last that DeepStack does not reach.
torch::Tensor supervised_states(vlm::Vlm model, const vlm::DecoderInput& input, const Batch& batch,
                                const Recompute& recompute = {});

/// Sum of -log p(target) over the batch's targets, float32 scalar. `tower`: the tower's output for batch.images; empty
/// if there are none. Differentiable in every parameter that requires grad.
torch::Tensor loss_sum(vlm::Vlm model, const Batch& batch, const vlm::TowerOutput& tower,
                       const Recompute& recompute = {});

}  // namespace scalselect::trainer
