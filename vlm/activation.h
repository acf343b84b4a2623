// The activations of feed-forward layers.
#pragma once

#include <string>

#include "vlm/libtorch.h"

namespace scalselect::vlm {

using Activation = torch::Tensor (*)(const torch::Tensor&);

/// The activation of that HF name: gelu (erf), gelu_pytorch_tanh, gelu_new, quick_gelu, silu, relu. Element by element,
/// any shape and dtype, differentiable; LibTorch's own bits. Throws UserError(kInput) for another name, listing these.
Activation activation(const std::string& hf_name);

}  // namespace scalselect::vlm
