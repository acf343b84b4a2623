// Gradient checkpointing: what a part of the model computes is forgotten and computed again in the backward pass.
#pragma once

#include <cstdint>
#include <functional>

#include "vlm/libtorch.h"

namespace scalselect::trainer {

/// How much of the decoder is recomputed.
struct Recompute {
  std::int64_t layers = 0;  ///< that keep nothing but their input, together; 0 = everything is kept
  bool random = false;      ///< they draw random numbers (dropout), which must be drawn again
};

/// run(x), of which only `x` stays in memory until the backward pass, where `run` is called once more: in the same
/// mixed precision and, with `random`, from the same state of the generators. Parameters that `run` reads get their
/// gradients whether or not `x` needs one. Gradients are those of run(x) (Chen et al. 2016, arXiv:1604.06174).
torch::Tensor recomputed(const std::function<torch::Tensor(const torch::Tensor&)>& run, const torch::Tensor& x,
                         bool random);

}  // namespace scalselect::trainer
