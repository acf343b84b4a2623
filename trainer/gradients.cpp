#include "trainer/gradients.h"

#include <torch/autograd.h>

#include <algorithm>
#include <cmath>

#include "trainer/loss.h"
#include "vlm/safetensors.h"

namespace scalselect::trainer {
namespace {

/// A tensor's scalars in row-major order, float32 on the CPU.
void append(const torch::Tensor& tensor, std::vector<float>& out) {
  const auto plain = tensor.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto* data = plain.const_data_ptr<float>();
  out.insert(out.end(), data, data + plain.numel());
}

}  // namespace

GradientComputer::GradientComputer(vlm::Vlm model, const std::vector<std::string>& names)
    : model_(std::move(model)), names_(names) {
  model_->eval();
  auto all = model_->named_parameters();
  for (auto& item : all) item.value().requires_grad_(false);
  for (const auto& name : names) {
    auto& parameter = all[name];
    parameter.requires_grad_(true);
    parameters_.push_back(parameter);
    size_ += parameter.numel();
  }
}

double GradientComputer::compute(const TrainingSample& sample, const vlm::TowerOutput& tower, float* out) const {
  TrainingSet alone;
  alone.samples.push_back(sample);
  const std::int64_t only[] = {0};
  auto batch = collate(alone, only, 0);
  batch.to(model_->device());
  const torch::AutoGradMode with_gradients(true);
  const auto loss = loss_sum(model_, batch, tower) / static_cast<double>(batch.supervised);
  const auto gradients = torch::autograd::grad({loss}, parameters_, {}, /*retain_graph=*/false, /*create_graph=*/false,
                                               /*allow_unused=*/true);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto count = parameters_[i].numel();
    if (gradients[i].defined()) {
      const auto plain = gradients[i].to(torch::kCPU, torch::kFloat32).contiguous();
      std::copy_n(plain.const_data_ptr<float>(), count, out);
    } else {
      std::fill_n(out, count, 0.0F);
    }
    out += count;
  }
  return loss.item<double>();
}

AdamMoments load_moments(const std::filesystem::path& file, const std::vector<std::string>& names) {
  const vlm::SafetensorsFile tensors(file);
  AdamMoments moments;
  for (const auto& name : names) {
    append(tensors.tensor("first." + name), moments.first);
    append(tensors.tensor("second." + name), moments.second);
  }
  return moments;
}

void adam_step(const AdamMoments& moments, std::int64_t first, std::int64_t count, float* x) {
  constexpr float kBeta1 = 0.9F, kBeta2 = 0.999F, kEpsilon = 1e-8F;
  const float *m = moments.first.data() + first, *v = moments.second.data() + first;
  for (std::int64_t j = 0; j < count; ++j) {
    const float mean = kBeta1 * m[j] + (1 - kBeta1) * x[j];
    x[j] = mean / std::sqrt(kBeta2 * v[j] + (1 - kBeta2) * x[j] * x[j] + kEpsilon);
  }
}

}  // namespace scalselect::trainer
