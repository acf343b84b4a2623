#include "vlm/llama.h"

#include <limits>

#include "vlm/fused.h"

namespace scalselect::vlm {

RmsNormImpl::RmsNormImpl(std::int64_t width, double eps) : eps_(eps) {
  weight = register_parameter("weight", torch::ones({width}));
}

torch::Tensor RmsNormImpl::forward(const torch::Tensor& x) {
  if (can_fuse_rms_norm(x, weight)) return fused_rms_norm(x, weight, eps_);
  const auto wide = x.to(torch::kFloat32);
  const auto scale = torch::rsqrt(wide.square().mean(-1, true) + eps_);
  return (wide * scale).to(x.scalar_type()) * weight;
}

torch::Tensor rope_frequencies(std::int64_t width, double theta, torch::Device device) {
  // On the CPU: a GPU's powers may differ in the last bit, and far positions multiply the difference.
  const auto exponents = torch::arange(0, width, 2, torch::kFloat32) / static_cast<double>(width);
  return (1.0 / torch::pow(theta, exponents)).to(device);
}

Rope Rope::at(const torch::Tensor& positions, std::int64_t head_dim, double theta, torch::ScalarType dtype) {
  const auto frequencies = rope_frequencies(head_dim, theta, positions.device());
  const auto angles = (positions.to(torch::kFloat32).unsqueeze(-1) * frequencies).unsqueeze(1);
  return {angles.cos().to(dtype), angles.sin().to(dtype)};
}

Rope Rope::at(const torch::Tensor& positions, const torch::Tensor& axes, double theta, torch::ScalarType dtype) {
  const auto frequencies = rope_frequencies(2 * axes.size(0), theta, positions.device());
  const auto chosen = positions.to(torch::kFloat32).index_select(0, axes.to(positions.device())).permute({1, 2, 0});
  const auto angles = (chosen * frequencies).unsqueeze(1);
  return {angles.cos().to(dtype), angles.sin().to(dtype)};
}

torch::Tensor mrope_axes(const std::vector<std::int64_t>& section, bool interleaved) {
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 0; axis < 3; ++axis) axes.insert(axes.end(), section[axis], axis);
  for (std::int64_t k = 0; interleaved && k < static_cast<std::int64_t>(axes.size()); ++k) {
    axes[k] = k < 3 * section[k % 3] ? k % 3 : 0;
  }
  return torch::tensor(axes, torch::kInt64);
}

Rope Rope::last(std::int64_t count) const {
  return {cos.slice(2, cos.size(2) - count), sin.slice(2, sin.size(2) - count)};
}

torch::Tensor apply_rope(const torch::Tensor& x, const Rope& rope) {
  if (can_fuse_rope(x, rope.cos)) return fused_rope(x, rope.cos, rope.sin);
  const auto halves = x.chunk(2, -1);
  return torch::cat({halves[0] * rope.cos - halves[1] * rope.sin, halves[1] * rope.cos + halves[0] * rope.sin}, -1);
}

namespace {

/// Repeats key/value heads so that query head i is paired with kv head i / (heads / kv).
torch::Tensor repeat_heads(const torch::Tensor& x, std::int64_t heads) {
  return x.size(1) == heads ? x : x.repeat_interleave(heads / x.size(1), 1);
}

}  // namespace

torch::Tensor attention_rows(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& allowed) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  auto scores = torch::matmul(q, repeat_heads(k, q.size(1)).transpose(2, 3)) * scale;
  scores = scores.to(torch::kFloat32).masked_fill(allowed.logical_not(), std::numeric_limits<float>::lowest());
  return torch::softmax(scores, -1);
}

LlamaAttentionImpl::LlamaAttentionImpl(const LlamaConfig& config)
    : heads_(config.num_attention_heads), kv_heads_(config.num_key_value_heads), head_dim_(config.head_dim) {
  const bool bias = config.attention_bias || config.qkv_bias;
  q_proj = register_module("q_proj", Linear(config.hidden_size, heads_ * head_dim_, bias));
  k_proj = register_module("k_proj", Linear(config.hidden_size, kv_heads_ * head_dim_, bias));
  v_proj = register_module("v_proj", Linear(config.hidden_size, kv_heads_ * head_dim_, bias));
  o_proj = register_module("o_proj", Linear(heads_ * head_dim_, config.hidden_size, config.attention_bias));
  if (!config.qk_norm) return;
  q_norm = register_module("q_norm", RmsNorm(head_dim_, config.rms_norm_eps));
  k_norm = register_module("k_norm", RmsNorm(head_dim_, config.rms_norm_eps));
}

torch::Tensor LlamaAttentionImpl::heads_of(const torch::Tensor& projected, std::int64_t heads, RmsNorm& norm,
                                           const Rope& rope) {
  auto x = projected.view({projected.size(0), projected.size(1), heads, head_dim_});
  if (!norm.is_empty()) x = norm(x);
  return apply_rope(x.transpose(1, 2), rope);
}

torch::Tensor LlamaAttentionImpl::queries(const torch::Tensor& x, const Rope& rope) {
  return heads_of(q_proj(x), heads_, q_norm, rope);
}

torch::Tensor LlamaAttentionImpl::keys(const torch::Tensor& x, const Rope& rope) {
  return heads_of(k_proj(x), kv_heads_, k_norm, rope);
}

torch::Tensor LlamaAttentionImpl::values(const torch::Tensor& x) {
  return v_proj(x).view({x.size(0), x.size(1), kv_heads_, head_dim_}).transpose(1, 2);
}

torch::Tensor LlamaAttentionImpl::forward(const torch::Tensor& x, const Rope& rope, const torch::Tensor& mask,
                                          KvCache* cache, std::int64_t layer, std::int64_t tail) {
  const auto asking = tail > 0 ? x.slice(1, x.size(1) - tail) : x;
  const auto q = queries(asking, tail > 0 ? rope.last(tail) : rope);
  auto k = keys(x, rope), v = values(x);
  if (cache != nullptr) std::tie(k, v) = cache->append(layer, k, v);
  if (cache != nullptr && cache->has_past()) {
    return o_proj(
        cache->attend(layer, q, k, v, mask.defined() && tail > 0 ? mask.slice(2, mask.size(2) - tail) : mask));
  }
  // SDPA's own causal flag aligns the triangle to the upper left, so it can be used only if nothing is cached.
  const bool causal = !mask.defined() && q.size(2) == k.size(2) && q.size(2) > 1;
  auto bias = mask.defined() && tail > 0 ? mask.slice(2, mask.size(2) - tail) : mask;
  if (!mask.defined() && !causal && q.size(2) > 1) {
    const auto keep = torch::ones({1, k.size(2)}, torch::TensorOptions().dtype(torch::kBool).device(x.device()));
    bias = causal_mask(keep, q.size(2), x.scalar_type());
  }
  const auto optional_mask = bias.defined() ? std::optional<torch::Tensor>(bias) : std::nullopt;
  // One query: its heads that share keys become queries of those, and nothing of the cache is copied.
  if (q.size(2) == 1 && kv_heads_ < heads_ && (!bias.defined() || bias.size(1) == 1)) {
    const auto grouped = q.reshape({x.size(0), kv_heads_, heads_ / kv_heads_, head_dim_});
    const auto mixed = at::scaled_dot_product_attention(grouped, k, v, optional_mask, 0.0, /*is_causal=*/false);
    return o_proj(mixed.reshape({x.size(0), 1, heads_ * head_dim_}));
  }
  const auto mixed =
      at::scaled_dot_product_attention(q, repeat_heads(k, heads_), repeat_heads(v, heads_), optional_mask, 0.0, causal);
  return o_proj(mixed.transpose(1, 2).reshape({x.size(0), q.size(2), heads_ * head_dim_}));
}

LlamaMlpImpl::LlamaMlpImpl(std::int64_t width, std::int64_t inner, const std::string& act, bool bias)
    : activate_(activation(act)) {
  gate_proj = register_module("gate_proj", Linear(width, inner, bias));
  up_proj = register_module("up_proj", Linear(width, inner, bias));
  down_proj = register_module("down_proj", Linear(inner, width, bias));
}

torch::Tensor LlamaMlpImpl::forward(const torch::Tensor& x) { return down_proj(activate_(gate_proj(x)) * up_proj(x)); }

LlamaLayerImpl::LlamaLayerImpl(const LlamaConfig& config) {
  input_layernorm = register_module("input_layernorm", RmsNorm(config.hidden_size, config.rms_norm_eps));
  self_attn = register_module("self_attn", LlamaAttention(config));
  post_attention_layernorm =
      register_module("post_attention_layernorm", RmsNorm(config.hidden_size, config.rms_norm_eps));
  mlp = register_module("mlp",
                        LlamaMlp(config.hidden_size, config.intermediate_size, config.hidden_act, config.mlp_bias));
}

torch::Tensor LlamaLayerImpl::forward(const torch::Tensor& x, const Rope& rope, const torch::Tensor& mask,
                                      KvCache* cache, std::int64_t layer, std::int64_t tail, torch::Tensor* mixed) {
  const auto kept = tail > 0 ? x.slice(1, x.size(1) - tail) : x;
  const auto added = self_attn(input_layernorm(x), rope, mask, cache, layer, tail);
  if (mixed != nullptr) *mixed = added;
  const auto attended = kept + added;
  return attended + mlp(post_attention_layernorm(attended));
}

LlamaModelImpl::LlamaModelImpl(const LlamaConfig& config, std::int64_t layers) : config_(config) {
  if (layers < 0) layers = config.num_hidden_layers;
  if (!config.mrope_section.empty()) axes_ = mrope_axes(config.mrope_section, config.mrope_interleaved);
  embed_tokens = register_module("embed_tokens", Embedding(config.vocab_size, config.hidden_size));
  auto list = register_module("layers", std::make_shared<torch::nn::Module>("layers"));
  for (std::int64_t i = 0; i < layers; ++i) {
    layers_.push_back(list->register_module(std::to_string(i), LlamaLayer(config)));
  }
  if (layers == config.num_hidden_layers) {
    norm = register_module("norm", RmsNorm(config.hidden_size, config.rms_norm_eps));
  }
}

Rope LlamaModelImpl::rope(const torch::Tensor& positions) const {
  if (positions.dim() == 3) return Rope::at(positions, axes_, config_.rope_theta, embed_tokens->weight.scalar_type());
  return Rope::at(positions, config_.head_dim, config_.rope_theta, embed_tokens->weight.scalar_type());
}

namespace {

torch::Tensor add_deep(const torch::Tensor& x, const DeepStack& deep, std::int64_t layer) {
  if (layer >= static_cast<std::int64_t>(deep.features.size())) return x;
  const auto width = x.size(-1);
  return x.reshape({-1, width}).index_add(0, deep.rows, deep.features[layer].to(x.scalar_type())).view(x.sizes());
}

}  // namespace

torch::Tensor LlamaModelImpl::forward(const torch::Tensor& embeddings, const DecodeOptions& options) {
  const auto count = options.layers < 0 ? config_.num_hidden_layers : options.layers;
  TORCH_CHECK(count <= built_layers(), "decoder layer ", count, " was not built");
  auto positions = options.positions;
  if (!positions.defined()) {
    const auto past = options.cache == nullptr ? 0 : options.cache->length();
    positions = torch::arange(past, past + embeddings.size(1),
                              torch::TensorOptions().dtype(torch::kInt64).device(embeddings.device()))
                    .unsqueeze(0);
  }
  const auto angles = rope(positions);
  auto x = embeddings;
  for (auto* record : {options.hidden, options.raw}) {
    if (record != nullptr) record->assign(1, x);
  }
  if (options.mixed != nullptr) options.mixed->resize(count);
  for (std::int64_t i = 0; i < count; ++i) {
    auto* mixed = options.mixed != nullptr ? &(*options.mixed)[i] : nullptr;
    const bool shorten = i + 1 == count && i >= static_cast<std::int64_t>(options.deep.features.size());
    x = layers_[i](x, angles, options.mask, options.cache, i, shorten ? options.tail : 0, mixed);
    if (options.raw != nullptr) options.raw->push_back(x);
    x = add_deep(x, options.deep, i);
    if (options.hidden != nullptr) options.hidden->push_back(x);
  }
  if (options.cache != nullptr) options.cache->advance(embeddings.size(1));
  if (options.tail > 0 && x.size(1) > options.tail) x = x.slice(1, x.size(1) - options.tail);
  return options.layers < 0 ? norm(x) : x;
}

}  // namespace scalselect::vlm
