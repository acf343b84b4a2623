// Samples side by side, one thread each: at the sizes of small models that beats several threads inside one operator,
// and a sample's bits do not depend on the number of threads. Or in turn, with all threads inside operators.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>

namespace scalselect::vlm {

/// LibTorch's operators use `threads` threads, one unless told, while this lives.
class OperatorThreads {
 public:
  explicit OperatorThreads(int threads = 1) : before_(at::get_num_threads()) { at::set_num_threads(threads); }
  ~OperatorThreads() { at::set_num_threads(before_); }
  OperatorThreads(const OperatorThreads&) = delete;
  OperatorThreads& operator=(const OperatorThreads&) = delete;

 private:
  int before_;
};

/// A place at the GPU, for as long as it lives: few threads at once keep a GPU busy, more only wait for each other and
/// hold its memory. Given at once on the CPU, and to a thread that has one already.
class DeviceTurn {
 public:
  explicit DeviceTurn(torch::Device device);
  ~DeviceTurn();
  DeviceTurn(const DeviceTurn&) = delete;
  DeviceTurn& operator=(const DeviceTurn&) = delete;

 private:
  bool taken_;
};

/// body(i) for i in [0, count) on `thread_count()` threads, without gradients, each with single-threaded operators.
/// Where a GPU's memory does not hold as many samples as there are threads, those that did not fit are run again, half
/// as many side by side, and a warning says so; `body` must therefore start its sample anew each time it is called.
/// Throws UserError(kEnvironment) if one sample alone does not fit.
void parallel_samples(std::int64_t count, const std::function<void(std::int64_t)>& body);

/// body(i) for i in [0, count) one after another, without gradients, each with `thread_count()` threads inside its
/// operators: for a lone prompt, and for gradients on a GPU. Throws UserError(kEnvironment) if the GPU is full.
void samples_in_turn(std::int64_t count, const std::function<void(std::int64_t)>& body);

}  // namespace scalselect::vlm
