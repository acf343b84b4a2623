#include "trainer/pretrain/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace scalselect::pretrain {

double learning_rate(const StageOptions& stage, std::int64_t step) {
  const auto total = static_cast<double>(stage.steps());
  const double warm = stage.warmup * total, at = static_cast<double>(step) + 1;
  if (at < warm) return stage.lr * at / warm;
  const double progress = (at - warm) / std::max(1.0, total - warm);
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * std::min(1.0, progress)));
  return stage.lr * (stage.final_lr + (1.0 - stage.final_lr) * cosine);
}

trainer::AdamW make_optimizer(const NamedTensors& parameters, double weight_decay) {
  trainer::ParameterGroup decayed{1.0, weight_decay, {}}, plain{1.0, 0.0, {}};
  for (const auto& [name, tensor] : parameters) {
    auto& group = tensor.dim() >= 2 && name.find("embed") == std::string::npos ? decayed : plain;
    group.parameters.emplace_back(name, tensor);
  }
  return {{decayed, plain}, 0.9, 0.98, 1e-8};
}

}  // namespace scalselect::pretrain
