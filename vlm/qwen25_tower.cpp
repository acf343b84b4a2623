#include "vlm/qwen25_tower.h"

#include <algorithm>

namespace scalselect::vlm {

namespace {

/// Reorders groups of `unit` rows: [V * unit, ...] -> the same, tokens in the order of `index`.
torch::Tensor reorder(const torch::Tensor& x, const torch::Tensor& index, std::int64_t unit) {
  return x.reshape({x.size(0) / unit, -1}).index_select(0, index).reshape(x.sizes());
}

}  // namespace

WindowOrder window_order(const std::vector<PatchGrid>& grids, const QwenVisionConfig& config) {
  const auto merge = config.spatial_merge_size;
  const auto side = config.window_size / merge / config.patch_size;
  std::vector<std::int64_t> index;
  WindowOrder order;
  std::int64_t first = 0;
  for (const auto& grid : grids) {
    const auto rows = grid.rows / merge, columns = grid.columns / merge;
    for (std::int64_t top = 0; top < rows; top += side) {
      for (std::int64_t left = 0; left < columns; left += side) {
        const auto bottom = std::min(rows, top + side), right = std::min(columns, left + side);
        for (auto y = top; y < bottom; ++y) {
          for (auto x = left; x < right; ++x) index.push_back(first + y * columns + x);
        }
        order.segments.push_back((bottom - top) * (right - left) * merge * merge);
      }
    }
    first += rows * columns;
  }
  order.index = torch::tensor(index, torch::kInt64);
  return order;
}

Qwen25VisionBlockImpl::Qwen25VisionBlockImpl(const QwenVisionConfig& config) {
  norm1 = register_module("norm1", RmsNorm(config.hidden_size, 1e-6));
  norm2 = register_module("norm2", RmsNorm(config.hidden_size, 1e-6));
  attn = register_module("attn", VisionAttention(config));
  mlp = register_module("mlp", LlamaMlp(config.hidden_size, config.intermediate_size, config.hidden_act, true));
}

torch::Tensor Qwen25VisionBlockImpl::forward(const torch::Tensor& x, const Rope& rope,
                                             const std::vector<std::int64_t>& segments) {
  const auto attended = x + attn(norm1(x), rope, segments);
  return attended + mlp(norm2(attended));
}

Qwen25MergerImpl::Qwen25MergerImpl(const QwenVisionConfig& config) {
  const auto grouped = config.hidden_size * config.merge_unit();
  ln_q = register_module("ln_q", RmsNorm(config.hidden_size, 1e-6));
  auto mlp = register_module("mlp", std::make_shared<torch::nn::Module>("mlp"));
  first = mlp->register_module("0", Linear(grouped, grouped, true));
  second = mlp->register_module("2", Linear(grouped, config.out_hidden_size, true));
}

torch::Tensor Qwen25MergerImpl::forward(const torch::Tensor& x) {
  return second(torch::gelu(first(ln_q(x).reshape({-1, first->in_features()}))));
}

Qwen25TowerImpl::Qwen25TowerImpl(const QwenVisionConfig& config) : config_(config) {
  auto patch_embed = register_module("patch_embed", std::make_shared<torch::nn::Module>("patch_embed"));
  proj = patch_embed->register_module("proj", PatchProjection(config, /*with_bias=*/false));
  auto blocks = register_module("blocks", std::make_shared<torch::nn::Module>("blocks"));
  for (std::int64_t i = 0; i < config.depth; ++i) {
    blocks_.push_back(blocks->register_module(std::to_string(i), Qwen25VisionBlock(config)));
  }
  merger = register_module("merger", Qwen25Merger(config));
}

QwenTowerOutput Qwen25TowerImpl::forward(const std::vector<torch::Tensor>& images) {
  const auto device = proj->weight.device();
  std::vector<torch::Tensor> embedded;
  std::vector<PatchGrid> grids;
  std::vector<std::int64_t> whole;
  for (const auto& image : images) {
    grids.push_back(patch_grid(config_, image.size(1), image.size(2)));
    whole.push_back(grids.back().patches());
    embedded.push_back(proj(patches_of(image.to(device), config_)));
  }
  const auto windows = window_order(grids, config_);
  const auto index = windows.index.to(device);
  const auto unit = config_.merge_unit();
  const auto raster = patch_rope(grids, config_, device);
  const auto turn = [&](const torch::Tensor& t) { return reorder(t[0][0], index, unit).unsqueeze(0).unsqueeze(0); };
  const Rope rope{turn(raster.cos), turn(raster.sin)};
  auto x = reorder(torch::cat(embedded), index, unit);
  const auto& full = config_.fullatt_block_indexes;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const bool everywhere = std::find(full.begin(), full.end(), static_cast<std::int64_t>(i)) != full.end();
    x = blocks_[i](x, rope, everywhere ? whole : windows.segments);
  }
  return {reorder(x, torch::argsort(index), unit), {}};
}

}  // namespace scalselect::vlm
