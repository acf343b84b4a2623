#include "trainer/adamw.h"

#include "core/check.h"

namespace scalselect::trainer {

AdamW::AdamW(std::vector<ParameterGroup> groups, double beta1, double beta2, double eps)
    : beta1_(beta1), beta2_(beta2), eps_(eps) {
  for (auto& group : groups) {
    if (group.parameters.empty()) continue;
    Group own{group.learning_rate, group.weight_decay, {}, {}, {}, {}};
    for (auto& [name, tensor] : group.parameters) {
      SCALSELECT_CHECK(tensor.scalar_type() == torch::kFloat32 && tensor.requires_grad());
      tensor.mutable_grad() = torch::zeros_like(tensor);
      own.parameters.push_back(tensor);
      own.first.push_back(torch::zeros_like(tensor));
      own.second.push_back(torch::zeros_like(tensor));
      own.steps.push_back(torch::zeros({}, tensor.options().dtype(torch::kFloat32)));
      all_.emplace_back(name, tensor);
    }
    groups_.push_back(std::move(own));
  }
}

double AdamW::clip(double max_norm, double margin) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> gradients;
  for (const auto& [name, tensor] : all_) gradients.push_back(tensor.grad());
  const auto norms = torch::stack(at::_foreach_norm(gradients));
  const auto norm = norms.to(torch::kFloat64).norm().item<double>();
  const double scale = max_norm / (norm + margin);
  if (max_norm > 0 && scale < 1.0) at::_foreach_mul_(gradients, scale);
  return norm;
}

void AdamW::step(double factor) {
  torch::NoGradGuard no_grad;
  for (auto& group : groups_) {
    std::vector<torch::Tensor> gradients;
    for (const auto& parameter : group.parameters) gradients.push_back(parameter.grad());
    at::_foreach_add_(group.steps, 1);
    at::_fused_adamw_(group.parameters, gradients, group.first, group.second, {}, group.steps,
                      group.learning_rate * factor, beta1_, beta2_, group.weight_decay, eps_, /*amsgrad=*/false,
                      /*maximize=*/false);
    at::_foreach_zero_(gradients);
  }
}

NamedTensors AdamW::state() const {
  NamedTensors out;
  std::size_t name = 0;
  for (const auto& group : groups_) {
    for (std::size_t i = 0; i < group.parameters.size(); ++i, ++name) {
      out.emplace_back("first." + all_[name].first, group.first[i]);
      out.emplace_back("second." + all_[name].first, group.second[i]);
      out.emplace_back("steps." + all_[name].first, group.steps[i]);
    }
  }
  return out;
}

}  // namespace scalselect::trainer
