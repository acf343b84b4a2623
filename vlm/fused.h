// CPU kernels with hand-written gradients for steps of a decoder layer that otherwise take many passes over memory:
// RMS norm, rotary positions, and a linear layer with its LoRA branch. Float32 results agree with the plain formulas up
// to rounding; where a `can_...` is false, the plain formulas are used.
#pragma once

#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// Float32 on the CPU, contiguous.
bool can_fuse_rms_norm(const torch::Tensor& x, const torch::Tensor& weight);

/// x [..., d] -> x / sqrt(mean(x^2) + eps) * weight. While autocast to bfloat16 is on, the result is bfloat16 (what the
/// following matrix products would round it to anyway, once instead of once each).
torch::Tensor fused_rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

/// Float32 or bfloat16 on the CPU, rows without gaps, float32 angles.
bool can_fuse_rope(const torch::Tensor& x, const torch::Tensor& cos);

/// x [B, heads, S, hd], cos and sin [B or 1, 1, S, hd / 2] -> x rotated, dtype and memory layout of x.
torch::Tensor fused_rope(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin);

/// Scalars of the largest weight into which a branch is fused: W + scaling B A is kept for the backward pass.
inline constexpr std::int64_t kLargestFused = 1 << 22;
/// Float32 on the CPU, and not too large.
bool can_fuse_lora_into(const torch::Tensor& weight);
bool can_fuse_lora(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& lora_A);

/// y = x (W + scaling B A)^T + b with gradients for x, A and B only (W and b are frozen): forward and input gradient
/// are one matrix product each. While autocast to bfloat16 is on, products are in bfloat16 (W + scaling B A is rounded
/// after the sum, as in mixed-precision training of full weights) and y is bfloat16.
torch::Tensor fused_lora_linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                                const torch::Tensor& lora_A, const torch::Tensor& lora_B, double scaling);

}  // namespace scalselect::vlm
