// Qwen2.5-VL's vision transformer (transformers: Qwen2_5_VisionTransformerPretrainedModel), with HF's parameter names:
// attention within windows in most blocks, RMS norms, gated MLPs.
#pragma once

#include <vector>

#include "vlm/config.h"
#include "vlm/libtorch.h"
#include "vlm/qwen_tower.h"
#include "vlm/qwen_vision.h"

namespace scalselect::vlm {

/// The order in which a tower with windows runs the visual tokens (merge blocks) of its images.
struct WindowOrder {
  torch::Tensor index;                 ///< int64 [V]: index in raster order of the token at each place
  std::vector<std::int64_t> segments;  ///< patches of each window
};

/// Windows of `window_size` pixels in raster order, image by image; those at the right and lower border may be smaller.
WindowOrder window_order(const std::vector<PatchGrid>& grids, const QwenVisionConfig& config);

class Qwen25VisionBlockImpl : public torch::nn::Module {
 public:
  explicit Qwen25VisionBlockImpl(const QwenVisionConfig& config);
  torch::Tensor forward(const torch::Tensor& x, const Rope& rope, const std::vector<std::int64_t>& segments);
  RmsNorm norm1{nullptr}, norm2{nullptr};
  VisionAttention attn{nullptr};
  LlamaMlp mlp{nullptr};  ///< with biases
};
TORCH_MODULE(Qwen25VisionBlock);

/// ln_q on each patch, then mlp.0, GELU, mlp.2 on the grouped patches.
class Qwen25MergerImpl : public torch::nn::Module {
 public:
  explicit Qwen25MergerImpl(const QwenVisionConfig& config);
  torch::Tensor forward(const torch::Tensor& x);  ///< [P, d] -> [P / merge^2, out]
  RmsNorm ln_q{nullptr};
  Linear first{nullptr}, second{nullptr};  ///< named mlp.0 and mlp.2
};
TORCH_MODULE(Qwen25Merger);

/// `visual`: patch_embed.proj, blocks.N, merger.
class Qwen25TowerImpl : public QwenTower {
 public:
  explicit Qwen25TowerImpl(const QwenVisionConfig& config);
  QwenTowerOutput forward(const std::vector<torch::Tensor>& images) override;
  torch::Tensor merge(const torch::Tensor& states) override { return merger(states); }

  PatchProjection proj{nullptr};
  Qwen25Merger merger{nullptr};

 private:
  QwenVisionConfig config_;
  std::vector<Qwen25VisionBlock> blocks_;
};
TORCH_MODULE(Qwen25Tower);

}  // namespace scalselect::vlm
