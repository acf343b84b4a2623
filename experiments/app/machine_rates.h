// What this machine does at its best: the rates that hot paths are measured against.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

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

/// rows x inner times inner x columns, as a linear layer of a model multiplies.
struct ProductShape {
  std::int64_t rows = 0, inner = 0, columns = 0;
  std::int64_t times = 1;

  double flop() const {
    return 2.0 * static_cast<double>(rows) * static_cast<double>(inner) * static_cast<double>(columns) *
           static_cast<double>(times);
  }
};

/// FLOP/s of all these together: each on a thread of its own on the CPU, as samples are; weights and inputs in float32
/// or bfloat16. What a program whose only work is these products reaches at best.
double products_rate(const std::vector<ProductShape>& products, bool bfloat16);

/// Attention of every position of a sequence to all (or, causally, to those before it), `times` over.
struct AttentionShape {
  std::int64_t heads = 0, positions = 0, head_dim = 0;
  bool causal = false;
  std::int64_t times = 1;
};

/// Seconds that LibTorch's attention takes for all of these, one of each at a time on each thread on the CPU.
double attention_seconds(const std::vector<AttentionShape>& attentions, bool bfloat16);

}  // namespace scalselect::app
