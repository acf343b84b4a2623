#include "vlm/qwen_vision.h"

#include "core/error.h"

namespace scalselect::vlm {

PatchGrid patch_grid(const QwenVisionConfig& config, std::int64_t height, std::int64_t width) {
  const auto factor = config.patch_size * config.spatial_merge_size;
  if (height % factor != 0 || width % factor != 0 || height == 0 || width == 0) {
    throw UserError(ErrorKind::kInput,
                    "the vision tower reads images whose sides are multiples of " + std::to_string(factor) +
                        " pixels, but was given " + std::to_string(height) + " x " + std::to_string(width),
                    "Make patch_size and merge_size of preprocessor_config.json agree with vision_config.");
  }
  return {height / config.patch_size, width / config.patch_size};
}

torch::Tensor block_order(const torch::Tensor& x, const PatchGrid& grid, std::int64_t merge) {
  return x.reshape({grid.rows / merge, merge, grid.columns / merge, merge, -1})
      .permute({0, 2, 1, 3, 4})
      .reshape({grid.patches(), -1});
}

torch::Tensor patches_of(const torch::Tensor& pixels, const QwenVisionConfig& config) {
  const auto grid = patch_grid(config, pixels.size(1), pixels.size(2));
  const auto side = config.patch_size, channels = pixels.size(0), frames = config.temporal_patch_size;
  const auto raster = pixels.reshape({channels, grid.rows, side, grid.columns, side}).permute({1, 3, 0, 2, 4});
  const auto ordered = block_order(raster.reshape({grid.patches(), -1}), grid, config.spatial_merge_size);
  return ordered.view({grid.patches(), channels, 1, side * side})
      .expand({-1, -1, frames, -1})
      .reshape({grid.patches(), -1});
}

PatchProjectionImpl::PatchProjectionImpl(const QwenVisionConfig& config, bool with_bias) {
  const auto side = config.patch_size;
  weight = register_parameter(
      "weight", torch::empty({config.hidden_size, config.in_channels, config.temporal_patch_size, side, side}));
  if (with_bias) bias = register_parameter("bias", torch::empty({config.hidden_size}));
}

torch::Tensor PatchProjectionImpl::forward(const torch::Tensor& patches) {
  return torch::linear(patches.to(weight.scalar_type()), weight.flatten(1), bias);
}

Rope patch_rope(const std::vector<PatchGrid>& grids, const QwenVisionConfig& config, torch::Device device) {
  const auto quarter = config.hidden_size / config.num_heads / 4;
  const auto options = torch::TensorOptions().dtype(torch::kFloat32).device(device);
  const auto frequencies = rope_frequencies(2 * quarter, 10000.0, device);
  std::vector<torch::Tensor> places;
  for (const auto& grid : grids) {
    const auto rows = torch::arange(grid.rows, options).unsqueeze(1).expand({grid.rows, grid.columns});
    const auto columns = torch::arange(grid.columns, options).expand({grid.rows, grid.columns});
    places.push_back(block_order(torch::stack({rows, columns}, -1), grid, config.spatial_merge_size));
  }
  const auto angles = (torch::cat(places).unsqueeze(-1) * frequencies).flatten(1).unsqueeze(0).unsqueeze(0);
  return {angles.cos(), angles.sin()};
}

VisionAttentionImpl::VisionAttentionImpl(const QwenVisionConfig& config) : heads_(config.num_heads) {
  qkv = register_module("qkv", Linear(config.hidden_size, 3 * config.hidden_size, true));
  proj = register_module("proj", Linear(config.hidden_size, config.hidden_size, true));
}

torch::Tensor VisionAttentionImpl::forward(const torch::Tensor& x, const Rope& rope,
                                           const std::vector<std::int64_t>& segments) {
  const auto dtype = x.scalar_type();
  const auto parts = qkv(x).view({1, x.size(0), 3, heads_, -1}).permute({2, 0, 3, 1, 4});  // [3, 1, heads, P, hd]
  const auto q = apply_rope(parts[0].to(torch::kFloat32).contiguous(), rope).to(dtype);
  const auto k = apply_rope(parts[1].to(torch::kFloat32).contiguous(), rope).to(dtype);
  const auto v = parts[2];
  std::vector<torch::Tensor> mixed;
  std::int64_t begin = 0;
  for (const auto length : segments) {
    mixed.push_back(at::scaled_dot_product_attention(q.narrow(2, begin, length), k.narrow(2, begin, length),
                                                     v.narrow(2, begin, length)));
    begin += length;
  }
  return proj(torch::cat(mixed, 2).transpose(1, 2).reshape(x.sizes()));
}

}  // namespace scalselect::vlm
