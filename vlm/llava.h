// LLaVA-1.5: CLIP tower -> two-layer projector -> Llama decoder (transformers: models/llava/modeling_llava.py).
// Parameter names are those of transformers >= 4.52: model.vision_tower.vision_model..., model.language_model...,
// model.multi_modal_projector.linear_1..., lm_head.weight (absent if tied).
#pragma once

#include <torch/torch.h>

#include <vector>

#include "vlm/clip_tower.h"
#include "vlm/config.h"
#include "vlm/linear.h"
#include "vlm/llama.h"

namespace scalselect::vlm {

/// Which parts of a model are built and loaded.
struct ModelParts {
  bool tower = true;
  std::int64_t tower_layers = -1;  ///< -1 = all; LlavaConfig::tower_layers_needed() is enough for everything but saving
  std::int64_t decoder_layers = -1;  ///< -1 = all, with final norm
  bool head = true;                  ///< lm_head
};

class LlavaProjectorImpl : public torch::nn::Module {
 public:
  explicit LlavaProjectorImpl(const LlavaConfig& config);
  torch::Tensor forward(const torch::Tensor& features) { return linear_2(activate_(linear_1(features))); }
  Linear linear_1{nullptr}, linear_2{nullptr};

 private:
  Activation activate_;
};
TORCH_MODULE(LlavaProjector);

/// Usual path: features = encode_images(pixels); x = merge(embed(ids), ids, project(features));
/// states = decode(x, options); logits(states at the positions that matter).
class LlavaModelImpl : public torch::nn::Module {
 public:
  explicit LlavaModelImpl(const LlavaConfig& config, const ModelParts& parts = {});

  /// pixels float [n, 3, size, size] (any float dtype) -> features [n, tokens_per_image, feature_size].
  torch::Tensor encode_images(const torch::Tensor& pixels);
  /// features [n, V, feature_size] -> [n, V, d].
  torch::Tensor project(const torch::Tensor& features);
  /// ids int64 [B, S] -> [B, S, d].
  torch::Tensor embed(const torch::Tensor& ids);
  /// Overwrites the rows where ids == image_token_id by `visual` [n, V, d], in order (row-major over batch and
  /// position). Throws UserError(kInput) if the counts differ. Differentiable in both.
  torch::Tensor merge(const torch::Tensor& embeddings, const torch::Tensor& ids, const torch::Tensor& visual);
  /// See LlamaModelImpl::forward.
  torch::Tensor decode(const torch::Tensor& embeddings, const DecodeOptions& options = {});
  /// states [..., d] (after the final norm) -> [..., vocab]. Give only the positions whose logits are needed.
  torch::Tensor logits(const torch::Tensor& states);
  /// Attention probabilities of `layer` (1-based) for the rows `queries` (int64 [U]) of one sequence batch.
  /// states [B, S, d] before that layer (raw), causal; positions 0 .. S-1. -> float32 [B, heads, U, S].
  torch::Tensor attention_rows(std::int64_t layer, const torch::Tensor& states, const torch::Tensor& queries);

  ClipTower& tower() { return tower_; }
  LlavaProjector& projector() { return projector_; }
  LlamaModel& decoder() { return decoder_; }
  Linear& lm_head() { return lm_head_; }  ///< null if tied or not built
  const LlavaConfig& config() const { return config_; }
  const ModelParts& parts() const { return parts_; }
  torch::ScalarType dtype() const { return decoder_->embed_tokens->weight.scalar_type(); }
  torch::Device device() const { return decoder_->embed_tokens->weight.device(); }

 private:
  LlavaConfig config_;
  ModelParts parts_;
  ClipTower tower_{nullptr};
  LlavaProjector projector_{nullptr};
  LlamaModel decoder_{nullptr};
  Linear lm_head_{nullptr};
};
TORCH_MODULE(LlavaModel);

/// Fills every parameter: linear weights N(0, 1/sqrt(in)), biases N(0, .02), norms 1 + N(0, .02), embeddings N(0, .02)
/// and positions N(0, .25), from torch's default generator. A starting point for training and for tests.
void randomise(LlavaModel& model);

}  // namespace scalselect::vlm
