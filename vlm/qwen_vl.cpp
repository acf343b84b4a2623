#include "vlm/qwen_vl.h"

#include "vlm/qwen25_tower.h"
#include "vlm/qwen3_tower.h"

namespace scalselect::vlm {

namespace {

std::shared_ptr<QwenTower> make_tower(const QwenVlConfig& config, std::int64_t decoder_layers) {
  if (config.generation == QwenVlConfig::Generation::kQwen25) return std::make_shared<Qwen25TowerImpl>(config.vision);
  return std::make_shared<Qwen3TowerImpl>(config.vision, decoder_layers);
}

}  // namespace

QwenVlModelImpl::QwenVlModelImpl(const QwenVlConfig& config, const ModelParts& parts)
    : VlmImpl(config.text, config.image_token_id, parts), config_(config) {
  auto body = register_module("model", std::make_shared<torch::nn::Module>("model"));
  if (parts.tower) tower_ = body->register_module("visual", make_tower(config, parts.decoder_layers));
  build_decoder(*body);
}

VisualGrid QwenVlModelImpl::grid(std::int64_t height, std::int64_t width) const {
  const auto patches = patch_grid(config_.vision, height, width);
  return {patches.rows / config_.vision.spatial_merge_size, patches.columns / config_.vision.spatial_merge_size};
}

TowerOutput QwenVlModelImpl::encode(const std::vector<torch::Tensor>& images) {
  const auto seen = tower_->forward(images);
  TowerOutput out{seen.states, seen.deep, {}};
  for (const auto& image : images) out.grids.push_back(grid(image.size(1), image.size(2)));
  return out;
}

torch::Tensor QwenVlModelImpl::project(const torch::Tensor& features) { return tower_->merge(features.to(dtype())); }

std::int64_t QwenVlModelImpl::values_per_token() const {
  const auto& vision = config_.vision;
  const auto deep = static_cast<std::int64_t>(vision.deepstack_visual_indexes.size());
  return vision.merge_unit() * vision.hidden_size + deep * vision.out_hidden_size;
}

std::string QwenVlModelImpl::chat_layout() const {
  return config_.generation == QwenVlConfig::Generation::kQwen3 ? "qwen3-vl" : "qwen2.5-vl";
}

}  // namespace scalselect::vlm
