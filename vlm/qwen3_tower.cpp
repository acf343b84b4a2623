#include "vlm/qwen3_tower.h"

#include <algorithm>
#include <cmath>

namespace scalselect::vlm {

namespace {

torch::nn::LayerNorm layer_norm(std::int64_t width) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(1e-6));
}

/// Positions of `count` evenly spaced points in a table of `side` entries: the entry before, the one after, and how far
/// towards the latter.
struct Interpolation {
  torch::Tensor before, after, part;
};

Interpolation spread(std::int64_t count, std::int64_t side) {
  const auto exact = torch::linspace(0, static_cast<double>(side - 1), count, torch::kFloat32);
  const auto before = exact.to(torch::kInt64);
  return {before, (before + 1).clamp_max(side - 1), exact - before.to(torch::kFloat32)};
}

}  // namespace

Qwen3MergerImpl::Qwen3MergerImpl(const QwenVisionConfig& config, bool norm_after) : norm_after_(norm_after) {
  const auto grouped = config.hidden_size * config.merge_unit();
  norm = register_module("norm", layer_norm(norm_after ? grouped : config.hidden_size));
  linear_fc1 = register_module("linear_fc1", Linear(grouped, grouped, true));
  linear_fc2 = register_module("linear_fc2", Linear(grouped, config.out_hidden_size, true));
}

torch::Tensor Qwen3MergerImpl::forward(const torch::Tensor& x) {
  const auto width = linear_fc1->in_features();
  const auto grouped = norm_after_ ? norm(x.reshape({-1, width})) : norm(x).reshape({-1, width});
  return linear_fc2(torch::gelu(linear_fc1(grouped)));
}

Qwen3VisionMlpImpl::Qwen3VisionMlpImpl(const QwenVisionConfig& config) : activate_(activation(config.hidden_act)) {
  linear_fc1 = register_module("linear_fc1", Linear(config.hidden_size, config.intermediate_size, true));
  linear_fc2 = register_module("linear_fc2", Linear(config.intermediate_size, config.hidden_size, true));
}

Qwen3VisionBlockImpl::Qwen3VisionBlockImpl(const QwenVisionConfig& config) {
  norm1 = register_module("norm1", layer_norm(config.hidden_size));
  norm2 = register_module("norm2", layer_norm(config.hidden_size));
  attn = register_module("attn", VisionAttention(config));
  mlp = register_module("mlp", Qwen3VisionMlp(config));
}

torch::Tensor Qwen3VisionBlockImpl::forward(const torch::Tensor& x, const Rope& rope,
                                            const std::vector<std::int64_t>& segments) {
  const auto attended = x + attn(norm1(x), rope, segments);
  return attended + mlp(norm2(attended));
}

Qwen3TowerImpl::Qwen3TowerImpl(const QwenVisionConfig& config, std::int64_t deep) : config_(config) {
  auto patch_embed = register_module("patch_embed", std::make_shared<torch::nn::Module>("patch_embed"));
  proj = patch_embed->register_module("proj", PatchProjection(config, /*with_bias=*/true));
  pos_embed = register_module("pos_embed", Embedding(config.num_position_embeddings, config.hidden_size));
  auto blocks = register_module("blocks", std::make_shared<torch::nn::Module>("blocks"));
  for (std::int64_t i = 0; i < config.depth; ++i) {
    blocks_.push_back(blocks->register_module(std::to_string(i), Qwen3VisionBlock(config)));
  }
  merger = register_module("merger", Qwen3Merger(config, /*norm_after=*/false));
  const auto all = static_cast<std::int64_t>(config.deepstack_visual_indexes.size());
  auto list = register_module("deepstack_merger_list", std::make_shared<torch::nn::Module>("deepstack_merger_list"));
  for (std::int64_t j = 0; j < (deep < 0 ? all : std::min(deep, all)); ++j) {
    deep_mergers_.push_back(list->register_module(std::to_string(j), Qwen3Merger(config, /*norm_after=*/true)));
  }
}

torch::Tensor Qwen3TowerImpl::positions(const PatchGrid& grid) const {
  const auto side = std::llround(std::sqrt(static_cast<double>(config_.num_position_embeddings)));
  const auto y = spread(grid.rows, side), x = spread(grid.columns, side);
  const auto& table = pos_embed->weight;
  const auto corner = [&](const torch::Tensor& rows, const torch::Tensor& columns, const torch::Tensor& row_part,
                          const torch::Tensor& column_part) {
    const auto index = (rows.unsqueeze(1) * side + columns).flatten().to(table.device());
    const auto weight = (row_part.unsqueeze(1) * column_part).flatten().to(table.device(), table.scalar_type());
    return table.index_select(0, index) * weight.unsqueeze(1);
  };
  const auto sum = corner(y.before, x.before, 1 - y.part, 1 - x.part) + corner(y.before, x.after, 1 - y.part, x.part) +
                   corner(y.after, x.before, y.part, 1 - x.part) + corner(y.after, x.after, y.part, x.part);
  return block_order(sum, grid, config_.spatial_merge_size);
}

QwenTowerOutput Qwen3TowerImpl::forward(const std::vector<torch::Tensor>& images) {
  const auto device = pos_embed->weight.device();
  std::vector<torch::Tensor> embedded;
  std::vector<PatchGrid> grids;
  std::vector<std::int64_t> segments;
  for (const auto& image : images) {
    grids.push_back(patch_grid(config_, image.size(1), image.size(2)));
    segments.push_back(grids.back().patches());
    embedded.push_back(proj(patches_of(image.to(device), config_)) + positions(grids.back()));
  }
  auto x = torch::cat(embedded);
  const auto rope = patch_rope(grids, config_, device);
  QwenTowerOutput out;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    x = blocks_[i](x, rope, segments);
    const auto j = out.deep.size();
    if (j < deep_mergers_.size() && config_.deepstack_visual_indexes[j] == static_cast<std::int64_t>(i)) {
      out.deep.push_back(deep_mergers_[j](x));
    }
  }
  out.states = x;
  return out;
}

}  // namespace scalselect::vlm
