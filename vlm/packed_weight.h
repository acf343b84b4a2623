// Weights of linear layers in the layout in which oneDNN multiplies, made once instead of in every product.
#pragma once

#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// Whether `weight` can be packed, and gains by it: a frozen bfloat16 matrix on a CPU that multiplies bfloat16.
bool can_pack(const torch::Tensor& weight);

/// weight [out, in] -> the same numbers in blocks, as many bytes; only packed_linear reads it. Throws c10::Error unless
/// can_pack.
torch::Tensor pack(const torch::Tensor& weight);

/// x [..., in] bfloat16, bias [out] or undefined -> x W^T + bias, [..., out]. No gradients. oneDNN takes another kernel
/// than torch::linear for some shapes: the same sums in float32, rounded to bfloat16, in another order.
torch::Tensor packed_linear(const torch::Tensor& x, const torch::Tensor& packed, const torch::Tensor& bias);

}  // namespace scalselect::vlm
