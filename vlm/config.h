// Sizes and choices of a model, as an HF model folder's config.json gives them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace scalselect::vlm {

/// `vision_config` of CLIP (transformers' CLIPVisionConfig; the defaults are that class's).
struct ClipVisionConfig {
  std::int64_t hidden_size = 768;
  std::int64_t intermediate_size = 3072;
  std::int64_t num_hidden_layers = 12;
  std::int64_t num_attention_heads = 12;
  std::int64_t num_channels = 3;
  std::int64_t image_size = 224;  ///< pixels, square
  std::int64_t patch_size = 32;
  std::int64_t projection_dim = 512;  ///< of CLIP's own head; kept for writing back, not used
  std::string hidden_act = "quick_gelu";
  double layer_norm_eps = 1e-5;

  /// CLIP ViT-L/14-336: what transformers assumes if `vision_config` is absent.
  static ClipVisionConfig large_patch14_336();
  std::int64_t patches() const { return (image_size / patch_size) * (image_size / patch_size); }
};

/// `text_config` of a Llama decoder (transformers' LlamaConfig; the defaults are that class's).
struct LlamaConfig {
  std::int64_t vocab_size = 32000;
  std::int64_t hidden_size = 4096;
  std::int64_t intermediate_size = 11008;
  std::int64_t num_hidden_layers = 32;
  std::int64_t num_attention_heads = 32;
  std::int64_t num_key_value_heads = 32;
  std::int64_t head_dim = 128;  ///< hidden_size / heads unless the file says otherwise
  std::int64_t max_position_embeddings = 2048;
  std::string hidden_act = "silu";
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  bool attention_bias = false;
  bool mlp_bias = false;
  bool tie_word_embeddings = false;
  std::int64_t bos_token_id = 1;
  std::vector<std::int64_t> eos_token_ids = {2};
  std::optional<std::int64_t> pad_token_id;
};

/// A LLaVA-1.5-shaped model (transformers' LlavaConfig).
struct LlavaConfig {
  ClipVisionConfig vision = ClipVisionConfig::large_patch14_336();
  LlamaConfig text;
  std::int64_t image_token_id = 32000;
  std::optional<std::int64_t> pad_token_id;
  std::vector<std::int64_t> vision_feature_layers = {-2};  ///< as in the file: negative counts from the end
  bool feature_layer_is_list = false;                      ///< written back as it was read
  bool keep_class_token = false;  ///< vision_feature_select_strategy: false = "default", true = "full"
  std::string projector_act = "gelu";
  bool projector_bias = true;
  std::string dtype = "float32";  ///< of the stored weights ("float32", "float16", "bfloat16"); a hint only

  /// Indices into the tower's hidden states (0 = after pre_layrnorm, n = after block n), each in [0, layers].
  std::vector<std::int64_t> feature_layers() const;
  /// Tower blocks that the features need; later blocks are dead weight.
  std::int64_t tower_layers_needed() const;
  /// Rows that one image adds to the prompt.
  std::int64_t tokens_per_image() const { return vision.patches() + (keep_class_token ? 1 : 0); }
  /// Width of the features that the projector reads.
  std::int64_t feature_size() const;
};

/// Parses an HF config.json (transformers 4 or 5 key names). `file` is named in messages. Throws UserError(kInput) for
/// another architecture (naming those known), a wrong type, sizes that do not fit, or an unsupported RoPE scaling.
LlavaConfig parse_llava_config(const nlohmann::json& tree, const std::string& file);

/// Reads `folder`/config.json, and generation_config.json's stop ids if there is one.
LlavaConfig read_llava_config(const std::filesystem::path& folder);

/// A config.json that transformers 4.57 loads; `parse_llava_config` of it gives `config` back.
nlohmann::ordered_json write_llava_config(const LlavaConfig& config);

/// `model_type`s that can be loaded.
std::vector<std::string> known_architectures();

}  // namespace scalselect::vlm
