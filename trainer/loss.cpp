#include "trainer/loss.h"

#include <algorithm>
#include <utility>

namespace scalselect::trainer {

void Batch::to(torch::Device device) {
  if (device.is_cpu()) return;
  for (auto* tensor : {&ids, &positions, &rows, &slots, &fill, &targets}) *tensor = tensor->to(device);
}

namespace {

constexpr std::int64_t kNoTarget = -100;

std::int64_t round_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

}  // namespace

Batch collate(const TrainingSet& set, std::span<const std::int64_t> indices, std::int64_t pad_id, std::int64_t align) {
  Batch batch;
  const auto count = static_cast<std::int64_t>(indices.size());
  std::int64_t longest = 0;
  for (const auto index : indices) {
    const auto& sample = set.samples[index];
    longest = std::max(longest, sample.length());
    batch.targets_per_row = std::max(batch.targets_per_row, sample.targets());
    batch.supervised += sample.targets();
    batch.tokens += sample.length();
    batch.images.insert(batch.images.end(), sample.images.begin(), sample.images.end());
  }
  longest = round_up(longest, align);
  const auto targets = align == 1 ? batch.supervised : round_up(batch.supervised, 4 * align);
  batch.ids = torch::full({count, longest}, pad_id, torch::kInt64);
  auto table = torch::zeros({4, targets}, torch::kInt64);
  batch.fill = torch::zeros({count * batch.targets_per_row}, torch::kInt64);
  auto* ids = batch.ids.data_ptr<std::int64_t>();
  auto* cell = table.data_ptr<std::int64_t>();
  auto* fill = batch.fill.data_ptr<std::int64_t>();
  std::int64_t at = 0;
  for (std::int64_t b = 0; b < count; ++b) {
    const auto& sample = set.samples[indices[b]];
    std::copy(sample.ids.begin(), sample.ids.end(), ids + b * longest);
    std::int64_t rank = 0;
    for (std::int64_t t = 1; t < sample.length(); ++t) {
      if (sample.supervised[t] == 0) continue;
      const auto slot = b * batch.targets_per_row + rank++;
      cell[at] = t - 1;
      cell[targets + at] = b * longest + t - 1;
      cell[2 * targets + at] = slot;
      cell[3 * targets + at] = sample.ids[t];
      fill[slot] = at++;
    }
  }
  std::fill(cell + 3 * targets + at, cell + 4 * targets, kNoTarget);
  batch.positions = table[0], batch.rows = table[1], batch.slots = table[2], batch.targets = table[3];
  return batch;
}

namespace {

/// Attention output [P, heads * hd] of P chosen queries; q [1, heads, P, hd], k and v [B, kv, S, hd].
torch::Tensor attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v, const Batch& batch) {
  const auto rows = k.size(0), per_row = batch.targets_per_row, heads = q.size(1), width = q.size(3);
  const auto slotted = q[0].index_select(1, batch.fill).view({heads, rows, per_row, width}).transpose(0, 1);
  const auto last = batch.positions.index_select(0, batch.fill).view({rows, 1, per_row, 1});
  const auto allowed = torch::arange(k.size(2), last.options()).view({1, 1, 1, -1}).le(last);
  const bool grouped = k.size(1) != heads;
  const auto mixed = at::scaled_dot_product_attention(slotted, k, v, allowed, 0.0, false, std::nullopt, grouped);
  return mixed.transpose(1, 2).reshape({rows * per_row, heads * width}).index_select(0, batch.slots);
}

/// Positions of the tokens before targets, as one sequence of P.
torch::Tensor positions_before(const torch::Tensor& positions, const Batch& batch) {
  if (positions.dim() == 2) return positions.index_select(1, batch.positions);
  return positions.flatten(1).index_select(1, batch.rows).unsqueeze(1);
}

/// Layers [range.first, range.second), in groups that are computed again in the backward pass.
torch::Tensor decode_recomputed(vlm::LlamaModel& decoder, torch::Tensor x, const vlm::Rope& angles,
                                std::pair<std::int64_t, std::int64_t> range, const Recompute& recompute) {
  for (auto begin = range.first; begin < range.second; begin += recompute.layers) {
    const auto end = std::min(begin + recompute.layers, range.second);
    const auto group = [decoder, angles, begin, end](const torch::Tensor& input) mutable {
      auto state = input;
      for (auto i = begin; i < end; ++i) state = decoder->layer(i)(state, angles, torch::Tensor(), nullptr, i);
      return state;
    };
    x = recomputed(group, x, recompute.random);
  }
  return x;
}

}  // namespace

torch::Tensor supervised_states(vlm::Vlm model, const vlm::DecoderInput& input, const Batch& batch,
                                const Recompute& recompute) {
  auto& decoder = model->decoder();
  const auto last = decoder->config().num_hidden_layers - 1;
  const auto deep = static_cast<std::int64_t>(input.deep.features.size());
  TORCH_CHECK(last >= deep, "DeepStack reaches the last layer");
  vlm::DecodeOptions below;
  below.layers = recompute.layers > 0 ? deep : last;
  below.positions = input.positions;
  below.deep = input.deep;
  const auto angles = decoder->rope(input.positions);
  auto x = model->decode(input.embeddings, below);
  if (recompute.layers > 0) x = decode_recomputed(decoder, x, angles, {deep, last}, recompute);
  auto& layer = decoder->layer(last);
  const auto normed = layer->input_layernorm(x);
  const auto k = layer->self_attn->keys(normed, angles);
  const auto v = layer->self_attn->values(normed);
  const auto width = x.size(2);
  const auto here = normed.reshape({-1, width}).index_select(0, batch.rows).unsqueeze(0);
  const auto q = layer->self_attn->queries(here, decoder->rope(positions_before(input.positions, batch)));
  const auto residual = x.reshape({-1, width}).index_select(0, batch.rows);
  const auto attended = residual + layer->self_attn->o_proj(attend(q, k, v, batch));
  return decoder->norm(attended + layer->mlp(layer->post_attention_layernorm(attended)));
}

torch::Tensor loss_sum(vlm::Vlm model, const Batch& batch, const vlm::TowerOutput& tower, const Recompute& recompute) {
  vlm::VisualTokens visual;
  if (!batch.images.empty()) visual = model->project(tower);
  const auto input = model->assemble(batch.ids, visual);
  const auto logits = model->logits(supervised_states(model, input, batch, recompute)).to(torch::kFloat32);
  return torch::nll_loss(torch::log_softmax(logits, -1), batch.targets, {}, at::Reduction::Sum, kNoTarget);
}

}  // namespace scalselect::trainer
