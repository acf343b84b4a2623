// Qwen3-VL's vision transformer (transformers: Qwen3VLVisionModel), with HF's parameter names.
#pragma once

#include <vector>

#include "vlm/activation.h"
#include "vlm/config.h"
#include "vlm/libtorch.h"
#include "vlm/qwen_tower.h"
#include "vlm/qwen_vision.h"

namespace scalselect::vlm {

/// Groups the patches of a merge block and maps them to the decoder's width: linear_fc2(gelu(linear_fc1(.))).
class Qwen3MergerImpl : public torch::nn::Module {
 public:
  /// `norm_after`: the LayerNorm sees the grouped patches (DeepStack's mergers) instead of each patch (the last
  /// merger).
  Qwen3MergerImpl(const QwenVisionConfig& config, bool norm_after);
  torch::Tensor forward(const torch::Tensor& x);  ///< [P, d] -> [P / merge^2, out]
  torch::nn::LayerNorm norm{nullptr};
  Linear linear_fc1{nullptr}, linear_fc2{nullptr};

 private:
  bool norm_after_;
};
TORCH_MODULE(Qwen3Merger);

class Qwen3VisionMlpImpl : public torch::nn::Module {
 public:
  explicit Qwen3VisionMlpImpl(const QwenVisionConfig& config);
  torch::Tensor forward(const torch::Tensor& x) { return linear_fc2(activate_(linear_fc1(x))); }
  Linear linear_fc1{nullptr}, linear_fc2{nullptr};

 private:
  Activation activate_;
};
TORCH_MODULE(Qwen3VisionMlp);

/// Pre-norm block with full attention within each image.
class Qwen3VisionBlockImpl : public torch::nn::Module {
 public:
  explicit Qwen3VisionBlockImpl(const QwenVisionConfig& config);
  torch::Tensor forward(const torch::Tensor& x, const Rope& rope, const std::vector<std::int64_t>& segments);
  torch::nn::LayerNorm norm1{nullptr}, norm2{nullptr};
  VisionAttention attn{nullptr};
  Qwen3VisionMlp mlp{nullptr};
};
TORCH_MODULE(Qwen3VisionBlock);

/// `visual`: patch_embed.proj, pos_embed, blocks.N, merger, deepstack_merger_list.N.
class Qwen3TowerImpl : public QwenTower {
 public:
  /// `deep`: DeepStack mergers to build, counted from the first; -1 = all.
  explicit Qwen3TowerImpl(const QwenVisionConfig& config, std::int64_t deep = -1);

  QwenTowerOutput forward(const std::vector<torch::Tensor>& images) override;
  torch::Tensor merge(const torch::Tensor& states) override { return merger(states); }

  /// Positions of one image [patches, d], interpolated bilinearly from the learned square table, in block order.
  torch::Tensor positions(const PatchGrid& grid) const;

  PatchProjection proj{nullptr};
  Embedding pos_embed{nullptr};
  Qwen3Merger merger{nullptr};

 private:
  QwenVisionConfig config_;
  std::vector<Qwen3VisionBlock> blocks_;
  std::vector<Qwen3Merger> deep_mergers_;
};
TORCH_MODULE(Qwen3Tower);

}  // namespace scalselect::vlm
