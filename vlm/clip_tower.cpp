#include "vlm/clip_tower.h"

#include <algorithm>

#include "core/error.h"

namespace scalselect::vlm {

namespace {

torch::nn::LayerNorm layer_norm(const ClipVisionConfig& config) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.hidden_size}).eps(config.layer_norm_eps));
}

/// [n, T, d] -> [n, heads, T, d / heads]
torch::Tensor split_heads(const torch::Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, -1}).transpose(1, 2);
}

}  // namespace

ClipEmbeddingsImpl::ClipEmbeddingsImpl(const ClipVisionConfig& config) : image_size_(config.image_size) {
  class_embedding = register_parameter("class_embedding", torch::empty({config.hidden_size}));
  patch_embedding = register_module(
      "patch_embedding",
      torch::nn::Conv2d(torch::nn::Conv2dOptions(config.num_channels, config.hidden_size, config.patch_size)
                            .stride(config.patch_size)
                            .bias(false)));
  position_embedding = register_module("position_embedding", Embedding(config.patches() + 1, config.hidden_size));
}

torch::Tensor ClipEmbeddingsImpl::forward(const torch::Tensor& pixels) {
  if (pixels.size(-1) != image_size_ || pixels.size(-2) != image_size_) {
    throw UserError(ErrorKind::kInput,
                    "the vision tower reads images of " + std::to_string(image_size_) + " pixels, but was given " +
                        std::to_string(pixels.size(-2)) + " x " + std::to_string(pixels.size(-1)),
                    "Make crop_size of preprocessor_config.json agree with vision_config.image_size.");
  }
  const auto patches = patch_embedding(pixels.to(patch_embedding->weight.scalar_type())).flatten(2).transpose(1, 2);
  const auto first = class_embedding.expand({pixels.size(0), 1, -1});
  return torch::cat({first, patches}, 1) + position_embedding->weight;
}

ClipAttentionImpl::ClipAttentionImpl(const ClipVisionConfig& config) : heads_(config.num_attention_heads) {
  const auto d = config.hidden_size;
  q_proj = register_module("q_proj", Linear(d, d, true));
  k_proj = register_module("k_proj", Linear(d, d, true));
  v_proj = register_module("v_proj", Linear(d, d, true));
  out_proj = register_module("out_proj", Linear(d, d, true));
}

torch::Tensor ClipAttentionImpl::forward(const torch::Tensor& x) {
  const auto mixed = at::scaled_dot_product_attention(split_heads(q_proj(x), heads_), split_heads(k_proj(x), heads_),
                                                      split_heads(v_proj(x), heads_));
  return out_proj(mixed.transpose(1, 2).reshape(x.sizes()));
}

ClipMlpImpl::ClipMlpImpl(const ClipVisionConfig& config) : activate_(activation(config.hidden_act)) {
  fc1 = register_module("fc1", Linear(config.hidden_size, config.intermediate_size, true));
  fc2 = register_module("fc2", Linear(config.intermediate_size, config.hidden_size, true));
}

ClipLayerImpl::ClipLayerImpl(const ClipVisionConfig& config) {
  layer_norm1 = register_module("layer_norm1", layer_norm(config));
  self_attn = register_module("self_attn", ClipAttention(config));
  layer_norm2 = register_module("layer_norm2", layer_norm(config));
  mlp = register_module("mlp", ClipMlp(config));
}

torch::Tensor ClipLayerImpl::forward(const torch::Tensor& x) {
  const auto attended = x + self_attn(layer_norm1(x));
  return attended + mlp(layer_norm2(attended));
}

ClipTowerImpl::ClipTowerImpl(const ClipVisionConfig& config, std::int64_t layers) {
  if (layers < 0) layers = config.num_hidden_layers;
  embeddings = register_module("embeddings", ClipEmbeddings(config));
  pre_layrnorm = register_module("pre_layrnorm", layer_norm(config));
  auto encoder = register_module("encoder", std::make_shared<torch::nn::Module>("encoder"));
  auto list = encoder->register_module("layers", std::make_shared<torch::nn::Module>("layers"));
  for (std::int64_t i = 0; i < layers; ++i) {
    blocks_.push_back(list->register_module(std::to_string(i), ClipLayer(config)));
  }
  if (layers == config.num_hidden_layers) post_layernorm = register_module("post_layernorm", layer_norm(config));
}

torch::Tensor ClipTowerImpl::forward(const torch::Tensor& pixels, std::int64_t layer) {
  return states(pixels, {layer}).front();
}

std::vector<torch::Tensor> ClipTowerImpl::states(const torch::Tensor& pixels, const std::vector<std::int64_t>& layers) {
  const auto deepest = *std::max_element(layers.begin(), layers.end());
  TORCH_CHECK(deepest <= built_layers(), "tower layer ", deepest, " was not built");
  std::vector<torch::Tensor> every = {pre_layrnorm(embeddings(pixels))};
  for (std::int64_t i = 0; i < deepest; ++i) every.push_back(blocks_[i](every.back()));
  std::vector<torch::Tensor> selected;
  for (const auto layer : layers) selected.push_back(every[layer]);
  return selected;
}

}  // namespace scalselect::vlm
