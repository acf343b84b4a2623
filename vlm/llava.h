// LLaVA-1.5: CLIP tower -> two-layer projector -> Llama decoder (transformers: models/llava/modeling_llava.py).
// Parameter names are those of transformers >= 4.52: model.vision_tower.vision_model..., model.language_model...,
// model.multi_modal_projector.linear_1..., lm_head.weight (absent if tied).
#pragma once

#include <string>
#include <vector>

#include "vlm/activation.h"
#include "vlm/clip_tower.h"
#include "vlm/config.h"
#include "vlm/libtorch.h"
#include "vlm/linear.h"
#include "vlm/vlm.h"

namespace scalselect::vlm {

class LlavaProjectorImpl : public torch::nn::Module {
 public:
  explicit LlavaProjectorImpl(const LlavaConfig& config);
  torch::Tensor forward(const torch::Tensor& features) { return linear_2(activate_(linear_1(features))); }
  Linear linear_1{nullptr}, linear_2{nullptr};

 private:
  Activation activate_;
};
TORCH_MODULE(LlavaProjector);

class LlavaModelImpl : public VlmImpl {
 public:
  explicit LlavaModelImpl(const LlavaConfig& config, const ModelParts& parts = {});

  /// pixels float [n, 3, size, size] (any float dtype) -> features [n, tokens_per_image, feature_size].
  torch::Tensor encode_images(const torch::Tensor& pixels);

  /// One row of tokens_per_image: LLaVA does not use positions within the image.
  VisualGrid grid(std::int64_t height, std::int64_t width) const override;
  TowerOutput encode(const std::vector<torch::Tensor>& images) override;
  using VlmImpl::project;
  torch::Tensor project(const torch::Tensor& features) override;  ///< [n, V, feature_size] -> [n, V, d]
  std::int64_t feature_size() const override { return config_.feature_size(); }
  std::int64_t values_per_token() const override { return config_.feature_size(); }
  std::string chat_layout() const override { return "llava-1.5"; }
  std::string projector_module() const override { return "multi_modal_projector"; }
  std::string frozen_pattern() const override { return R"(.*vision_tower\..*)"; }

  bool is_dead(const std::string& module) const override;  ///< tower blocks after the features

  ClipTower& tower() { return tower_; }
  LlavaProjector& projector() { return projector_; }
  const LlavaConfig& config() const { return config_; }

 private:
  LlavaConfig config_;
  ClipTower tower_{nullptr};
  LlavaProjector projector_{nullptr};
};
TORCH_MODULE(LlavaModel);

/// Fills every parameter: linear weights N(0, 1/sqrt(in)), biases N(0, .02), norms 1 + N(0, .02), embeddings N(0, .02)
/// and positions N(0, .25), from torch's default generator. A starting point for training and for tests.
void randomise(LlavaModel& model);

}  // namespace scalselect::vlm
