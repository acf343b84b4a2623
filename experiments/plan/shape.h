// The sizes of a vision-language model that its cost depends on, and what passes through it cost.
//
// A multiply-add is two floating point operations (FLOP); norms, activations and softmax are left out. n tokens through
// a decoder layer: 2 n (2 H q + 2 H k + 3 H I) + 4 n^2 q, where q = heads * head_dim and k = kv_heads * head_dim; the
// last term counts the full square, of which causal kernels do half. n positions through a tower block:
// 2 n (4 d^2 + 2 d I) + 4 n^2 d.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace scalselect::plan {

struct DecoderShape {
  std::int64_t layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_dim = 0, intermediate = 0, vocab = 0;
  bool tied = false;  ///< the head is the embedding table
};

struct TowerShape {
  std::int64_t blocks = 0;  ///< that are built; later ones are not used
  std::int64_t hidden = 0, intermediate = 0;
  bool gated = false;             ///< three matrices in the MLP in place of two
  std::int64_t patch_values = 0;  ///< numbers that make one patch: channels * frames * height * width
  std::int64_t patches_per_token = 1;
  std::int64_t extra_positions = 0;      ///< the class token
  std::int64_t position_embeddings = 0;  ///< learned
  std::int64_t heads = 0;                ///< of attention; 0 where a block does not attend to the whole picture
};

struct ModelShape {
  std::string name;  ///< "llava", "qwen3_vl"
  DecoderShape decoder;
  TowerShape tower;
  std::int64_t projector_weights = 0;  ///< of all that maps the tower's output to visual tokens; each used once a token
  std::int64_t tokens_per_image = 0;   ///< if images have one size; else 0
};

// -- Numbers of weights; biases and norms of decoder layers are left out.
std::int64_t layer_weights(const DecoderShape& decoder);
std::int64_t embedding_weights(const DecoderShape& decoder);
std::int64_t tower_weights(const TowerShape& tower);
/// Everything, the head once if it is tied.
std::int64_t all_weights(const ModelShape& model);
/// Of LoRA branches of rank `rank` on the linears of the decoder whose full name ("model.language_model.layers.0.
/// self_attn.q_proj") `targeted` accepts.
std::int64_t lora_weights(const DecoderShape& decoder, std::int64_t rank,
                          const std::function<bool(const std::string&)>& targeted);

// -- FLOP of one forward pass.
double tower_flop(const TowerShape& tower, double visual_tokens);  ///< of one image
double projector_flop(const ModelShape& model, double visual_tokens);
double layers_flop(const DecoderShape& decoder, double layers, double tokens);
double attention_flop(const DecoderShape& decoder, double layers, double tokens);  ///< the n^2 part of it
double head_flop(const DecoderShape& decoder, double positions);

}  // namespace scalselect::plan
