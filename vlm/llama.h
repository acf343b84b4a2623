// A Llama decoder (transformers: models/llama/modeling_llama.py), with HF's parameter names, in pieces that can be run
// separately: layers up to n, keys and queries without values, attention of chosen rows. Qwen2's and Qwen3's decoders
// are the same except for biases, norms of queries and keys, positions with three axes (M-RoPE) and DeepStack.
#pragma once

#include <utility>
#include <vector>

#include "vlm/activation.h"
#include "vlm/config.h"
#include "vlm/kv_cache.h"
#include "vlm/libtorch.h"
#include "vlm/linear.h"

namespace scalselect::vlm {

/// Statistics in float32, result cast to the input's dtype, then multiplied by the weight.
class RmsNormImpl : public torch::nn::Module {
 public:
  RmsNormImpl(std::int64_t width, double eps);
  torch::Tensor forward(const torch::Tensor& x);
  torch::Tensor weight;

 private:
  double eps_;
};
TORCH_MODULE(RmsNorm);

/// Rotation per position of each of `width` / 2 channel pairs: theta^(-2 j / width), float32 [width / 2] on `device`.
torch::Tensor rope_frequencies(std::int64_t width, double theta, torch::Device device);

/// cos and sin of the rotary angles, [B or 1, 1, S, head_dim / 2] in the activation's dtype (angles in float32).
struct Rope {
  torch::Tensor cos, sin;
  /// positions int64 [B, S] (or [1, S], shared by the batch).
  static Rope at(const torch::Tensor& positions, std::int64_t head_dim, double theta, torch::ScalarType dtype);
  /// M-RoPE: positions int64 [3, B or 1, S] (time, height, width); axes int64 [head_dim / 2] selects which of the three
  /// applies to a frequency.
  static Rope at(const torch::Tensor& positions, const torch::Tensor& axes, double theta, torch::ScalarType dtype);
  /// Of the last `count` positions.
  Rope last(std::int64_t count) const;
};

/// The axis (0 time, 1 height, 2 width) of each of the head_dim / 2 frequencies, int64 on the CPU.
torch::Tensor mrope_axes(const std::vector<std::int64_t>& section, bool interleaved);

/// x [B, heads, S, head_dim] rotated by `rope`; pairs are (j, j + head_dim / 2).
torch::Tensor apply_rope(const torch::Tensor& x, const Rope& rope);

/// Softmax probabilities in float32 of chosen queries, without values and without an S x S map.
/// q [B, heads, U, hd], k [B, kv, K, hd] (both after RoPE); `allowed` bool [B or 1, 1, U, K], true = may attend; every
/// row needs at least one. -> float32 [B, heads, U, K].
torch::Tensor attention_rows(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& allowed);

class LlamaAttentionImpl : public torch::nn::Module {
 public:
  explicit LlamaAttentionImpl(const LlamaConfig& config);
  /// x [B, S, d] (normed). `mask`: undefined = causal among the S positions (and everything in the cache); else
  /// additive, in x's dtype, [B or 1, 1 or heads, S, K]. `cache` may be null; `layer` is its 0-based slot. `tail` > 0:
  /// only the last `tail` positions are queries (all positions are keys): [B, tail, d].
  torch::Tensor forward(const torch::Tensor& x, const Rope& rope, const torch::Tensor& mask, KvCache* cache,
                        std::int64_t layer, std::int64_t tail = 0);
  torch::Tensor queries(const torch::Tensor& x, const Rope& rope);  ///< [B, S, d] -> [B, heads, S, hd], rotated
  torch::Tensor keys(const torch::Tensor& x, const Rope& rope);     ///< [B, S, d] -> [B, kv, S, hd], rotated
  torch::Tensor values(const torch::Tensor& x);                     ///< [B, S, d] -> [B, kv, S, hd]

  Linear q_proj{nullptr}, k_proj{nullptr}, v_proj{nullptr}, o_proj{nullptr};
  RmsNorm q_norm{nullptr}, k_norm{nullptr};  ///< null unless config.qk_norm

 private:
  torch::Tensor heads_of(const torch::Tensor& projected, std::int64_t heads, RmsNorm& norm, const Rope& rope);
  std::int64_t heads_, kv_heads_, head_dim_;
};
TORCH_MODULE(LlamaAttention);

/// down(act(gate x) * up x).
class LlamaMlpImpl : public torch::nn::Module {
 public:
  LlamaMlpImpl(std::int64_t width, std::int64_t inner, const std::string& act, bool bias);
  torch::Tensor forward(const torch::Tensor& x);
  Linear gate_proj{nullptr}, up_proj{nullptr}, down_proj{nullptr};

 private:
  Activation activate_;
};
TORCH_MODULE(LlamaMlp);

class LlamaLayerImpl : public torch::nn::Module {
 public:
  explicit LlamaLayerImpl(const LlamaConfig& config);
  /// `mixed`, if given, receives what the attention block adds to the residual stream.
  torch::Tensor forward(const torch::Tensor& x, const Rope& rope, const torch::Tensor& mask, KvCache* cache,
                        std::int64_t layer, std::int64_t tail = 0, torch::Tensor* mixed = nullptr);
  RmsNorm input_layernorm{nullptr}, post_attention_layernorm{nullptr};
  LlamaAttention self_attn{nullptr};
  LlamaMlp mlp{nullptr};
};
TORCH_MODULE(LlamaLayer);

/// Features of deeper tower blocks that are added after the first decoder layers (DeepStack, arXiv:2406.04334).
struct DeepStack {
  torch::Tensor rows;                   ///< int64 [n]: flat index b * S + position of each visual token
  std::vector<torch::Tensor> features;  ///< entry j [n, d] is added to those rows of layer j + 1's output
};

/// How to run a stack of layers.
struct DecodeOptions {
  torch::Tensor positions;   ///< int64 [B or 1, S], or [3, B or 1, S] with M-RoPE; undefined = cache length + 0 .. S-1
  DeepStack deep;            ///< no features: nothing is added
  torch::Tensor mask;        ///< see LlamaAttentionImpl::forward; undefined = causal
  KvCache* cache = nullptr;  ///< appended to and advanced
  std::int64_t layers = -1;  ///< run only the first n layers; -1 = all, and the final norm
  std::int64_t tail = 0;     ///< > 0: the last layer run computes its last `tail` positions only
  /// Receives the states before layer 1 and after each layer run, DeepStack features added (as transformers 4.57
  /// records them).
  std::vector<torch::Tensor>* hidden = nullptr;
  std::vector<torch::Tensor>* raw = nullptr;    ///< as `hidden`, before DeepStack features are added
  std::vector<torch::Tensor>* mixed = nullptr;  ///< receives what each layer's attention adds to the residual stream
};

/// `language_model`: embed_tokens, layers.N, norm.
class LlamaModelImpl : public torch::nn::Module {
 public:
  /// `layers`: decoder layers to build; -1 = all. With fewer than all, `norm` is left out.
  explicit LlamaModelImpl(const LlamaConfig& config, std::int64_t layers = -1);

  /// embeddings [B, S, d] -> states [B, S, d] after the last layer run; through the final norm only if all layers of
  /// the config were run (options.layers == -1). `hidden` entries are raw layer outputs, never normed.
  torch::Tensor forward(const torch::Tensor& embeddings, const DecodeOptions& options = {});

  /// Rope for int64 positions [B or 1, S] or [3, B or 1, S].
  Rope rope(const torch::Tensor& positions) const;
  LlamaLayer& layer(std::int64_t index) { return layers_[index]; }  ///< 0-based
  std::int64_t built_layers() const { return static_cast<std::int64_t>(layers_.size()); }
  const LlamaConfig& config() const { return config_; }

  Embedding embed_tokens{nullptr};
  RmsNorm norm{nullptr};

 private:
  LlamaConfig config_;
  torch::Tensor axes_;  // of M-RoPE; undefined without
  std::vector<LlamaLayer> layers_;
};
TORCH_MODULE(LlamaModel);

}  // namespace scalselect::vlm
