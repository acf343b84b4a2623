// Samples in parallel, one thread each: for small models that is faster than several threads inside one operator, and a
// sample's bits do not depend on the number of threads. Or one after another, with all threads inside operators.
#pragma once

#include <cstdint>
#include <functional>

#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// While this lives, LibTorch's operators use `threads` threads.
class OperatorThreads {
 public:
  explicit OperatorThreads(int threads = 1) : before_(at::get_num_threads()) { at::set_num_threads(threads); }
  ~OperatorThreads() { at::set_num_threads(before_); }
  OperatorThreads(const OperatorThreads&) = delete;
  OperatorThreads& operator=(const OperatorThreads&) = delete;

 private:
  int before_;
};

/// A permit to use the GPU, held until destroyed: few threads keep a GPU busy, more would only wait for each other and
/// hold its memory. Granted at once on the CPU, and to a thread that has one already.
class DevicePermit {
 public:
  explicit DevicePermit(torch::Device device);
  ~DevicePermit();
  DevicePermit(const DevicePermit&) = delete;
  DevicePermit& operator=(const DevicePermit&) = delete;

 private:
  bool acquired_;
};

/// Throws UserError(kEnvironment): one sample alone does not fit into the GPU's memory.
[[noreturn]] void gpu_is_full();

/// body(i) for i in [0, count) on `thread_count()` threads, without gradients, each with single-threaded operators.
/// If a GPU's memory does not hold as many samples as there are threads, those that did not fit are run again, half as
/// many at a time, with a warning; `body` must therefore start its sample from scratch each time it is called.
/// Throws UserError(kEnvironment) if one sample alone does not fit.
void parallel_samples(std::int64_t count, const std::function<void(std::int64_t)>& body);

/// body(i) for i in [0, count) one after another, without gradients, each with `thread_count()` threads inside its
/// operators: for a lone prompt, and for gradients on a GPU. Throws UserError(kEnvironment) if the GPU is full.
void samples_in_turn(std::int64_t count, const std::function<void(std::int64_t)>& body);

}  // namespace scalselect::vlm
