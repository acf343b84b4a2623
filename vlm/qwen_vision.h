// Shared by the towers of Qwen2.5-VL and Qwen3-VL (transformers: models/qwen2_5_vl, models/qwen3_vl): patches in the
// order of their merge blocks, rotary positions with rows and columns, attention within segments.
#pragma once

#include <cstdint>
#include <vector>

#include "vlm/config.h"
#include "vlm/libtorch.h"
#include "vlm/linear.h"
#include "vlm/llama.h"

namespace scalselect::vlm {

/// Patches of one image.
struct PatchGrid {
  std::int64_t rows = 0, columns = 0;
  std::int64_t patches() const { return rows * columns; }
};

/// Of processed pixels [3, height, width]. Throws UserError(kInput) unless both sides are multiples of patch * merge.
PatchGrid patch_grid(const QwenVisionConfig& config, std::int64_t height, std::int64_t width);

/// [rows * columns, ...] in raster order -> merge-block order: blocks in raster order, and the patches of a block
/// after one another, in raster order too.
torch::Tensor block_order(const torch::Tensor& x, const PatchGrid& grid, std::int64_t merge);

/// pixels [channels, height, width] -> [patches, channels * temporal_patch_size * p * p] in block order; a patch is
/// laid out channel, frame, row, column, and its frames are equal.
torch::Tensor patches_of(const torch::Tensor& pixels, const QwenVisionConfig& config);

/// The projection of patches, `patch_embed.proj`: weight [d, channels, frames, p, p] of the convolution that it is in
/// HF.
class PatchProjectionImpl : public torch::nn::Module {
 public:
  PatchProjectionImpl(const QwenVisionConfig& config, bool with_bias);
  torch::Tensor forward(const torch::Tensor& patches);  ///< [P, channels * frames * p * p] -> [P, d]
  torch::Tensor weight, bias;
};
TORCH_MODULE(PatchProjection);

/// Row and column of a patch each rotate a quarter of a head's channel pairs; float32, block order, images one after
/// another.
Rope patch_rope(const std::vector<PatchGrid>& grids, const QwenVisionConfig& config, torch::Device device);

/// `attn`: fused qkv, rotary positions in float32, softmax within segments, proj.
class VisionAttentionImpl : public torch::nn::Module {
 public:
  explicit VisionAttentionImpl(const QwenVisionConfig& config);
  /// x [P, d]; `segments`: lengths of the runs that see each other, summing to P.
  torch::Tensor forward(const torch::Tensor& x, const Rope& rope, const std::vector<std::int64_t>& segments);
  Linear qkv{nullptr}, proj{nullptr};

 private:
  std::int64_t heads_;
};
TORCH_MODULE(VisionAttention);

}  // namespace scalselect::vlm
