// LibTorch's CUDA half, opened at run time: one program serves machines with and without a GPU, and a run on the CPU
// never loads it.
#pragma once

#include "core/device.h"
#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// LibTorch's name of `device`. The first call for a GPU opens libtorch_cuda.so beside LibTorch's CPU half and turns
/// TF32 (float32 means float32) and cuDNN off; it must come before LibTorch is first asked about CUDA (by seeding, by a
/// backward pass), since the answer is kept. Throws UserError(kEnvironment), one sentence each: this LibTorch has no
/// CUDA half, a library that it needs is missing, no GPU, no driver or an old one, no GPU with that number.
torch::Device open_device(const ComputeDevice& device = compute_device());

}  // namespace scalselect::vlm
