// What the project uses of LibTorch's C++ interface: tensors and their functions, NoGradGuard, modules and two layers.
// <torch/torch.h> would also bring every layer, optimiser and data loader, whose templates take most of the time of
// compiling a file; what one file alone needs it includes by its own name (<torch/cuda.h>).
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>
#include <torch/utils.h>
