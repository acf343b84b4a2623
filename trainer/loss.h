// The training loss of a batch: its samples one after another in one sequence, no padding among them, attention within
// each sample, logits only before targets, and
// of some at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/dataset.h"
#include "trainer/packed_attention.h"
#include "trainer/recompute.h"
#include "vlm/libtorch.h"
#include "vlm/vlm.h"

namespace scalselect::trainer {

/// A batch of B samples as one sequence of T tokens. Positions start again with every sample, and no token attends to
/// another sample's, so that losses and gradients are those of every sample alone.
struct Batch {
  torch::Tensor ids;                 ///< int64 [1, T]
  torch::Tensor places;              ///< int64 [1, T]: position in its own sample
  std::vector<std::int64_t> images;  ///< indices into TrainingSet::images, in order of the placeholders
  std::vector<std::int64_t> images_per_sample;
  Spans spans;                      ///< the samples, and behind them the filling if there is any
  torch::Tensor rows;               ///< int64 [P]: the token before each target
  torch::Tensor targets;            ///< int64 [P]
  std::vector<std::int64_t> asked;  ///< the `rows` of span i are [asked[i], asked[i + 1])
  std::int64_t tokens = 0;          ///< real ones
  std::int64_t supervised = 0;      ///< targets that count

  void to(torch::Device device);
};

/// `indices`: of samples in `set`. `align` > 1: T and P are rounded up to multiples of it; the extra tokens are
/// `pad_id` (which must not be the image token), a sequence of their own, and the extra targets -100, which the loss
/// ignores. The library for bfloat16 products compiles one kernel per shape: with few shapes that is cheap.
Batch collate(const TrainingSet& set, std::span<const std::int64_t> indices, std::int64_t pad_id,
              std::int64_t align = 1);

/// Final states (after the norm) of the tokens before targets, [P, d]. The last layer computes keys and values
/// everywhere, and the rest at those P tokens only. `recompute`: for the layers before the last.
torch::Tensor supervised_states(vlm::Vlm model, const Batch& batch, const vlm::VisualTokens& visual,
                                const Recompute& recompute = {});

/// Sum of -log p(target) over the batch's targets, float32 scalar. `tower`: the tower's output for batch.images; empty
/// if there are none. Differentiable in every parameter that requires grad.
torch::Tensor loss_sum(vlm::Vlm model, const Batch& batch, const vlm::TowerOutput& tower,
                       const Recompute& recompute = {});

}  // namespace scalselect::trainer
