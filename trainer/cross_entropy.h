// Cross-entropy behind the output head without the table of all logits: some rows at a time, whose gradients are
// computed with them (Liger kernels' fused linear cross-entropy, arXiv:2410.10989).
#pragma once

#include <cstdint>

#include "vlm/libtorch.h"

namespace scalselect::trainer {

inline constexpr std::int64_t kNoTarget = -100;

/// Rows of logits that are in memory at once; with more a product is hardly faster (bench/trainer/head_loss_bench.cpp).
inline constexpr std::int64_t kLogitRows = 256;

/// Sum over p of -log softmax(states[p] W^T)[targets[p]], float32 scalar; targets of kNoTarget count nothing. states
/// [P, d], weight [V, d], targets int64 [P]. Products in autocast's type while it is on, the softmax in float32.
/// In memory: `rows` x V logits, which their derivatives replace, and where gradients are wanted [P, d] and, if the
/// weight requires grad, [V, d]. Differentiable once.
torch::Tensor head_loss_sum(const torch::Tensor& states, const torch::Tensor& weight, const torch::Tensor& targets,
                            std::int64_t rows = kLogitRows);

}  // namespace scalselect::trainer
