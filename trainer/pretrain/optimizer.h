// AdamW over float32 master weights, with warm-up and cosine.
#pragma once

#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "trainer/pretrain/options.h"

namespace scalselect::pretrain {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// Learning rate of step `step` (0-based) of `stage`: linear from 0 over the warm-up, then half a cosine.
double learning_rate(const StageOptions& stage, std::int64_t step);

/// AdamW (decoupled decay on matrices only), betas 0.9 / 0.98, gradients clipped to a global norm of 1.
class MasterAdamW {
 public:
  explicit MasterAdamW(NamedTensors parameters, double weight_decay);

  /// One update from the parameters' gradients, which are then cleared. Returns the gradient's norm before clipping.
  double step(double lr);

  /// Moments and step counts by parameter name, to be stored; `restore` takes them back.
  NamedTensors state() const;
  void restore(const NamedTensors& state);

 private:
  struct Group {
    double decay = 0;
    std::vector<torch::Tensor> parameters, first, second, steps;
    std::vector<std::string> names;
  };
  std::vector<Group> groups_;
};

}  // namespace scalselect::pretrain
