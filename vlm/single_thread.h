// Samples side by side, one thread each: at the sizes of small models that beats several threads inside one operator,
// and a sample's bits do not depend on the number of threads.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>

#include "core/parallel.h"

namespace scalselect::vlm {

/// LibTorch's operators use one thread while this lives.
class SingleThread {
 public:
  SingleThread() : before_(at::get_num_threads()) { at::set_num_threads(1); }
  ~SingleThread() { at::set_num_threads(before_); }
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

/// body(i) for i in [0, count) on `thread_count()` threads, without gradients, each with single-threaded operators.
inline void parallel_samples(std::int64_t count, const std::function<void(std::int64_t)>& body) {
  SingleThread single;
  parallel_blocks(count, 1, [&](std::int64_t begin, std::int64_t end) {
    at::set_num_threads(1);
    torch::NoGradGuard no_grad;
    for (std::int64_t i = begin; i < end; ++i) body(i);
  });
}

}  // namespace scalselect::vlm
