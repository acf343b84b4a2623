// The training loss of a batch: right-padded sequences, causal attention, logits only where a target follows.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/dataset.h"
#include "vlm/vlm.h"

namespace scalselect::trainer {

/// A batch of B samples, S = longest. Real tokens precede the padding, so causal attention needs no mask: no token that
/// matters ever sees a padding token.
struct Batch {
  torch::Tensor ids;                 ///< int64 [B, S]
  std::vector<std::int64_t> images;  ///< indices into TrainingSet::images, in order of the placeholders
  torch::Tensor positions;           ///< int64 [P]: where in its sequence the token before each target stands
  torch::Tensor rows;                ///< int64 [P]: the same as flat index b * S + position
  torch::Tensor slots;               ///< int64 [P]: b * U + rank among the sample's targets; U = most targets a sample
  torch::Tensor fill;                ///< int64 [B * U]: which of the P a slot holds (0 where it holds none)
  torch::Tensor targets;             ///< int64 [P]
  std::int64_t targets_per_row = 0;  ///< U
  std::int64_t tokens = 0;           ///< real ones
  std::int64_t supervised = 0;       ///< targets that count

  void to(torch::Device device);
};

/// `indices`: of samples in `set`. Padding gets `pad_id`, which must not be the image token. `align` > 1: S is rounded
/// up to a multiple of it and P to one of 4 * align, the extra targets being -100 (which the loss passes over). The
/// library behind bfloat16 products compiles a kernel per shape: few shapes make that cheap.
Batch collate(const TrainingSet& set, std::span<const std::int64_t> indices, std::int64_t pad_id,
              std::int64_t align = 1);

/// Final states (after the norm) of the tokens before targets, [P, d]. The last layer computes keys and values
/// everywhere, and the rest at those P tokens only; mathematically what decoding all of `input` gives at `batch.rows`.
torch::Tensor supervised_states(vlm::Vlm model, const vlm::DecoderInput& input, const Batch& batch);

/// Sum of -log p(target) over the batch's targets, float32 scalar. `seen`: the tower's output for batch.images; empty
/// if there are none. Differentiable in every parameter that requires grad.
torch::Tensor loss_sum(vlm::Vlm model, const Batch& batch, const vlm::TowerOutput& seen);

}  // namespace scalselect::trainer
