#include "vlm/text_config.h"

#include <algorithm>

namespace scalselect::vlm {

namespace {

/// transformers < 5: rope_theta and rope_scaling; later: one object rope_parameters.
void parse_rope(const JsonReader& in, LlamaConfig& config) {
  in.read("rope_theta", config.rope_theta);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const auto* rope = in.find(key);
    if (rope == nullptr) continue;
    if (!rope->is_object()) in.fail(key, "a mapping");
    const JsonReader keys(*rope, in.file(), in.prefix() + key + ".");
    keys.read("rope_theta", config.rope_theta);
    std::string type = "default";
    if (!keys.read("rope_type", type)) keys.read("type", type);
    if (type != "default" && type != "mrope") {
      in.fail(key, "of type 'default': scaling '" + type + "' is not supported");
    }
    keys.read_list("mrope_section", config.mrope_section);
    keys.read("mrope_interleaved", config.mrope_interleaved);
  }
}

}  // namespace

LlamaConfig parse_text_config(const JsonReader& in, LlamaConfig config) {
  in.read_size("vocab_size", config.vocab_size);
  in.read_size("hidden_size", config.hidden_size);
  in.read_size("intermediate_size", config.intermediate_size);
  in.read_size("num_hidden_layers", config.num_hidden_layers);
  in.read_size("num_attention_heads", config.num_attention_heads);
  config.num_key_value_heads = config.num_attention_heads;
  in.read_size("num_key_value_heads", config.num_key_value_heads);
  config.head_dim = config.hidden_size / config.num_attention_heads;
  in.read_size("head_dim", config.head_dim);
  in.read_size("max_position_embeddings", config.max_position_embeddings);
  in.read("hidden_act", config.hidden_act);
  in.read("rms_norm_eps", config.rms_norm_eps);
  in.read("attention_bias", config.attention_bias);
  in.read("mlp_bias", config.mlp_bias);
  in.read("tie_word_embeddings", config.tie_word_embeddings);
  in.read("bos_token_id", config.bos_token_id);
  in.read_list("eos_token_id", config.eos_token_ids);
  in.read_id("pad_token_id", config.pad_token_id);
  parse_rope(in, config);
  if (config.rms_norm_eps < 0) in.fail("rms_norm_eps", "0 or more");
  if (config.rope_theta <= 0) in.fail("rope_theta", "positive");
  if (config.head_dim % 2 != 0) in.fail("head_dim", "even");
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    in.fail("num_attention_heads", "a multiple of num_key_value_heads");
  }
  const auto& section = config.mrope_section;
  const bool counts =
      std::all_of(section.begin(), section.end(), [&](auto n) { return n >= 0 && n <= config.head_dim; });
  if (!section.empty() &&
      (section.size() != 3 || !counts || 2 * (section[0] + section[1] + section[2]) != config.head_dim)) {
    in.fail("rope_scaling.mrope_section", "three numbers that sum to half of head_dim");
  }
  return config;
}

}  // namespace scalselect::vlm
