// What this machine does at its best: the rates that hot paths are measured against.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

namespace scalselect::app {

/// Seconds of the fastest of several calls of `run`: at least three, and as many as fit into half a second.
double fastest(const std::function<void()>& run);

/// All with thread_count() threads; on compute_device() where it says so.
struct MachineRates {
  double product = 0;       ///< FLOP/s of a float32 product of 2048 x 2048 matrices, on the device
  double product_bf16 = 0;  ///< the same in bfloat16
  double gram = 0;          ///< FLOP/s of the Gram matrix of 8192 x 1024 numbers in float64, n d^2 in all, on the CPU
  double copy = 0;          ///< bytes/s read and written while memory is copied, on the CPU
  double disk_write = 0;    ///< bytes/s until the disk has them
  double disk_read = 0;     ///< bytes/s from the disk, past the system's cache where it lets go of it
};

/// Takes some seconds and 512 MiB of `folder`'s disk, which are removed. Throws UserError(kEnvironment) if there is no
/// room.
MachineRates measure_machine(const std::filesystem::path& folder);

}  // namespace scalselect::app
