// AdamW with decoupled weight decay (Loshchilov and Hutter), clipping, and a state that can be stored exactly.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "vlm/libtorch.h"

namespace scalselect::trainer {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// Parameters that share a learning rate and a weight decay. All float32, all leaves that require grad.
struct ParameterGroup {
  double learning_rate = 0;  ///< peak; the schedule's factor is applied in `step`
  double weight_decay = 0;
  NamedTensors parameters;
};

class AdamW {
 public:
  AdamW(std::vector<ParameterGroup> groups, double beta1, double beta2, double eps);

  /// Global L2 norm of all gradients, which are scaled by max_norm / (norm + margin) if that is below 1 (torch's
  /// clip_grad_norm_ has the margin 1e-6). max_norm <= 0: only measures.
  double clip(double max_norm, double margin = 1e-6);

  /// torch.optim.AdamW's update at `factor` times each group's rate, from the gradients; clears them (to zero, in
  /// place, so that nothing is allocated in the next step).
  void step(double factor);

  /// Parameters of all groups, in order.
  const NamedTensors& parameters() const { return all_; }

  /// "first.NAME", "second.NAME" (moments) and "steps.NAME" of every parameter: the optimiser's own tensors, so what is
  /// copied into them restores it.
  NamedTensors state() const;

 private:
  struct Group {
    double learning_rate, weight_decay;
    std::vector<torch::Tensor> parameters, first, second, steps;
  };
  double beta1_, beta2_, eps_;
  std::vector<Group> groups_;
  NamedTensors all_;
};

}  // namespace scalselect::trainer
