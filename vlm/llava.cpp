#include "vlm/llava.h"

#include <cmath>
#include <cstdlib>

namespace scalselect::vlm {

LlavaProjectorImpl::LlavaProjectorImpl(const LlavaConfig& config) : activate_(activation(config.projector_act)) {
  const auto d = config.text.hidden_size;
  linear_1 = register_module("linear_1", Linear(config.feature_size(), d, config.projector_bias));
  linear_2 = register_module("linear_2", Linear(d, d, config.projector_bias));
}

namespace {

LlamaConfig text_of(const LlavaConfig& config) {
  auto text = config.text;
  if (config.pad_token_id) text.pad_token_id = config.pad_token_id;
  return text;
}

}  // namespace

LlavaModelImpl::LlavaModelImpl(const LlavaConfig& config, const ModelParts& parts)
    : VlmImpl(text_of(config), config.image_token_id, parts), config_(config) {
  auto body = register_module("model", std::make_shared<torch::nn::Module>("model"));
  if (parts.tower) {
    auto wrapper = body->register_module("vision_tower", std::make_shared<torch::nn::Module>("vision_tower"));
    tower_ = wrapper->register_module("vision_model", ClipTower(config.vision, parts.tower_layers));
    projector_ = body->register_module("multi_modal_projector", LlavaProjector(config));
  }
  build_decoder(*body);
}

torch::Tensor LlavaModelImpl::encode_images(const torch::Tensor& pixels) {
  auto layers = tower_->states(pixels, config_.feature_layers());
  if (!config_.keep_class_token) {
    for (auto& layer : layers) layer = layer.slice(1, 1);
  }
  return layers.size() == 1 ? layers.front().contiguous() : torch::cat(layers, -1);
}

torch::Tensor LlavaModelImpl::project(const torch::Tensor& features) { return projector_(features.to(dtype())); }

VisualGrid LlavaModelImpl::grid(std::int64_t /*height*/, std::int64_t /*width*/) const {
  return {1, config_.tokens_per_image()};
}

TowerOutput LlavaModelImpl::encode(const std::vector<torch::Tensor>& images) {
  return {encode_images(torch::stack(images).to(device())),
          {},
          std::vector<VisualGrid>(images.size(), {1, config_.tokens_per_image()})};
}

bool LlavaModelImpl::is_dead(const std::string& module) const {
  const std::string blocks = "model.vision_tower.vision_model.encoder.layers.";
  if (!module.starts_with(blocks) || !parts().tower) return false;
  const auto index = std::atoll(module.c_str() + blocks.size());
  return index >= tower_->built_layers() && index < config_.vision.num_hidden_layers;
}

void randomise(LlavaModel& model) {
  torch::NoGradGuard no_grad;
  for (auto& item : model->named_parameters()) {
    auto& value = item.value();
    const auto& name = item.key();
    const bool norm = name.find("norm") != std::string::npos;
    if (name.ends_with("position_embedding.weight")) value.normal_(0, 0.25);
    else if (name.ends_with("embed_tokens.weight") || name.ends_with("bias")) value.normal_(0, 0.02);
    else if (norm) value.normal_(1, 0.02);
    else if (value.dim() < 2) value.normal_(0, 0.02);
    else value.normal_(0, 1.0 / std::sqrt(static_cast<double>(value[0].numel())));
  }
}

}  // namespace scalselect::vlm
