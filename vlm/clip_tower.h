// CLIP's vision transformer (transformers: models/clip/modeling_clip.py), with HF's parameter names.
#pragma once

#include <vector>

#include "vlm/activation.h"
#include "vlm/config.h"
#include "vlm/libtorch.h"
#include "vlm/linear.h"

namespace scalselect::vlm {

/// Patch embedding, class token and positions. Parameters: class_embedding [d], patch_embedding.weight [d, 3, p, p],
/// position_embedding.weight [1 + patches, d].
class ClipEmbeddingsImpl : public torch::nn::Module {
 public:
  explicit ClipEmbeddingsImpl(const ClipVisionConfig& config);
  /// pixels [n, 3, size, size] -> [n, 1 + patches, d], class token first, patches in raster order.
  torch::Tensor forward(const torch::Tensor& pixels);

  torch::Tensor class_embedding;
  torch::nn::Conv2d patch_embedding{nullptr};
  Embedding position_embedding{nullptr};

 private:
  std::int64_t image_size_;
};
TORCH_MODULE(ClipEmbeddings);

/// Multi-head self-attention without mask; all four projections have biases.
class ClipAttentionImpl : public torch::nn::Module {
 public:
  explicit ClipAttentionImpl(const ClipVisionConfig& config);
  torch::Tensor forward(const torch::Tensor& x);  ///< [n, T, d] -> [n, T, d]
  Linear q_proj{nullptr}, k_proj{nullptr}, v_proj{nullptr}, out_proj{nullptr};

 private:
  std::int64_t heads_;
};
TORCH_MODULE(ClipAttention);

class ClipMlpImpl : public torch::nn::Module {
 public:
  explicit ClipMlpImpl(const ClipVisionConfig& config);
  torch::Tensor forward(const torch::Tensor& x) { return fc2(activate_(fc1(x))); }
  Linear fc1{nullptr}, fc2{nullptr};

 private:
  Activation activate_;
};
TORCH_MODULE(ClipMlp);

/// Pre-norm block: h += attention(norm1 h); h += mlp(norm2 h).
class ClipLayerImpl : public torch::nn::Module {
 public:
  explicit ClipLayerImpl(const ClipVisionConfig& config);
  torch::Tensor forward(const torch::Tensor& x);
  torch::nn::LayerNorm layer_norm1{nullptr}, layer_norm2{nullptr};
  ClipAttention self_attn{nullptr};
  ClipMlp mlp{nullptr};
};
TORCH_MODULE(ClipLayer);

/// `vision_model`: embeddings, pre_layrnorm (HF's spelling), encoder.layers.N, post_layernorm (kept for the file; the
/// features never pass through it).
class ClipTowerImpl : public torch::nn::Module {
 public:
  /// `layers`: blocks to build, counted from the first; -1 = all. With fewer than all, post_layernorm is left out.
  explicit ClipTowerImpl(const ClipVisionConfig& config, std::int64_t layers = -1);

  /// Hidden state after `layer` blocks (0 = after pre_layrnorm). pixels [n, 3, s, s] -> [n, 1 + patches, d].
  torch::Tensor forward(const torch::Tensor& pixels, std::int64_t layer);
  /// Hidden states after each of `layers` blocks, from one pass that ends at the largest.
  std::vector<torch::Tensor> states(const torch::Tensor& pixels, const std::vector<std::int64_t>& layers);
  std::int64_t built_layers() const { return static_cast<std::int64_t>(blocks_.size()); }

  ClipEmbeddings embeddings{nullptr};
  torch::nn::LayerNorm pre_layrnorm{nullptr}, post_layernorm{nullptr};

 private:
  std::vector<ClipLayer> blocks_;
};
TORCH_MODULE(ClipTower);

}  // namespace scalselect::vlm
