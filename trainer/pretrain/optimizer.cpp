#include "trainer/pretrain/optimizer.h"

#include <cmath>
#include <map>
#include <numbers>

#include "core/check.h"

namespace scalselect::pretrain {

double learning_rate(const StageOptions& stage, std::int64_t step) {
  const auto total = static_cast<double>(stage.steps());
  const double warm = stage.warmup * total, at = static_cast<double>(step) + 1;
  if (at < warm) return stage.lr * at / warm;
  const double progress = (at - warm) / std::max(1.0, total - warm);
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * std::min(1.0, progress)));
  return stage.lr * (stage.final_lr + (1.0 - stage.final_lr) * cosine);
}

MasterAdamW::MasterAdamW(NamedTensors parameters, double weight_decay) : groups_(2) {
  groups_[0].decay = weight_decay;
  for (auto& [name, tensor] : parameters) {
    SCALSELECT_CHECK(tensor.scalar_type() == torch::kFloat);
    auto& group = groups_[tensor.dim() >= 2 && name.find("embed") == std::string::npos ? 0 : 1];
    group.names.push_back(name);
    group.parameters.push_back(tensor);
    group.first.push_back(torch::zeros_like(tensor));
    group.second.push_back(torch::zeros_like(tensor));
    group.steps.push_back(torch::zeros({}, torch::kFloat));
  }
}

double MasterAdamW::step(double lr) {
  torch::NoGradGuard no_grad;
  double squares = 0;
  for (auto& group : groups_) {
    for (auto& parameter : group.parameters) {
      if (!parameter.grad().defined()) parameter.mutable_grad() = torch::zeros_like(parameter);
      const double norm = parameter.grad().norm().item<double>();
      squares += norm * norm;
    }
  }
  const double norm = std::sqrt(squares), scale = norm > 1.0 ? 1.0 / norm : 1.0;
  for (auto& group : groups_) {
    if (group.parameters.empty()) continue;
    std::vector<torch::Tensor> gradients;
    for (auto& parameter : group.parameters) gradients.push_back(parameter.mutable_grad().mul_(scale));
    for (auto& count : group.steps) count += 1;
    at::_fused_adamw_(group.parameters, gradients, group.first, group.second, {}, group.steps, lr, 0.9, 0.98,
                      group.decay, 1e-8, /*amsgrad=*/false, /*maximize=*/false);
    for (auto& parameter : group.parameters) parameter.mutable_grad().reset();
  }
  return norm;
}

NamedTensors MasterAdamW::state() const {
  NamedTensors out;
  for (const auto& group : groups_) {
    for (std::size_t i = 0; i < group.names.size(); ++i) {
      out.emplace_back("first." + group.names[i], group.first[i]);
      out.emplace_back("second." + group.names[i], group.second[i]);
      out.emplace_back("steps." + group.names[i], group.steps[i]);
    }
  }
  return out;
}

void MasterAdamW::restore(const NamedTensors& state) {
  torch::NoGradGuard no_grad;
  std::map<std::string, torch::Tensor> own;
  for (const auto& [name, tensor] : this->state()) own[name] = tensor;
  for (const auto& [name, tensor] : state) own.at(name).copy_(tensor);
}

}  // namespace scalselect::pretrain
