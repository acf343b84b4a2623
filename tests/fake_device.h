// A second device for LibTorch, for machines without a GPU: its memory is the host's and its operators are the CPU's,
// but a tensor that was left on the CPU is refused, as CUDA refuses it. What runs on it ran on one device.
#pragma once

#include <torch/torch.h>

namespace scalselect::vlm {

/// LibTorch's PrivateUse1, with the operators of this file.
torch::Device fake_device();

/// Module::to for it (LibTorch's own knows the devices that may follow a CPU).
void move_to_fake_device(torch::nn::Module& model);

}  // namespace scalselect::vlm
