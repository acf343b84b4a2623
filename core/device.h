// Where heavy computation runs: this machine's CPU, or one of its GPUs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace scalselect {

struct ComputeDevice {
  bool cuda = false;
  int index = 0;  ///< of the GPU

  std::string text() const;  ///< "cpu", "cuda:0"
  bool operator==(const ComputeDevice&) const = default;
};

/// "cpu", "cuda" or "cuda:N". "cuda" is the first GPU; of several processes on a machine (core/process_group.h) each
/// takes the next of those that CUDA_VISIBLE_DEVICES shows. Throws UserError(kUsage) for anything else.
ComputeDevice parse_device(std::string_view text);

/// What `set_device` set, else SCALSELECT_DEVICE, else the CPU. Nothing is opened here: that happens where the device
/// is first used, which then throws UserError(kEnvironment) if there is none.
ComputeDevice compute_device();
void set_device(const ComputeDevice& device);

/// Throws UserError(kEnvironment) unless GPU `index` is one of the `count` that this machine has.
void check_gpu(int index, std::int64_t count);

}  // namespace scalselect
