// LibTorch's CUDA half, opened at run time: one program serves machines with and without a GPU, and a run on the CPU
// never loads it.
#pragma once

#include <c10/core/Event.h>

#include <optional>

#include "core/device.h"
#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// LibTorch's name of `device`. The first call for a GPU opens libtorch_cuda.so beside LibTorch's CPU half and turns
/// TF32 (float32 means float32) and cuDNN off; it must come before LibTorch is first asked about CUDA (by seeding, by a
/// backward pass), since the answer is kept. Throws UserError(kEnvironment), one sentence each: this LibTorch has no
/// CUDA half, a library that it needs is missing, no GPU, no driver or an old one, no GPU with that number.
torch::Device open_device(const ComputeDevice& device = compute_device());

/// A place in the work that this thread has given to a device, so that one can wait until it is done up to there.
/// Without a GPU all of it is done at once.
class DeviceMark {
 public:
  /// After what was given so far.
  explicit DeviceMark(torch::Device device);
  void wait() const;

 private:
  std::optional<c10::Event> event_;
};

}  // namespace scalselect::vlm
