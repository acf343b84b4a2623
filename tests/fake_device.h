// Devices that are not the CPU. One is always there, for machines without a GPU: its memory is the host's and its
// operators are the CPU's, but a tensor that was left on the CPU is refused, as CUDA refuses it.
#pragma once

#include <cstdint>
#include <vector>

#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// LibTorch's PrivateUse1, with the operators of this file.
torch::Device fake_device();

/// That one, and the first GPU where there is one. Ask before anything else is done with LibTorch (see open_device).
std::vector<torch::Device> devices_beside_the_cpu();

/// From now on the fake device has so much memory, in bytes, and what does not fit throws c10::OutOfMemoryError.
void limit_fake_memory(std::int64_t bytes);
/// Its memory in use, and the most that was in use since `limit_fake_memory`.
std::int64_t fake_memory_in_use();
std::int64_t fake_memory_peak();

/// Module::to that knows the fake device too.
void move_to(torch::nn::Module& model, torch::Device device);

}  // namespace scalselect::vlm
