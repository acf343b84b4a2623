// Sizes and choices of a model, as an HF model folder's config.json gives them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
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

/// `text_config` of a Llama decoder (transformers' LlamaConfig; the defaults are that class's), and what Qwen's
/// decoders add to it.
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
  bool attention_bias = false;  ///< of q, k, v and o
  bool qkv_bias = false;        ///< of q, k and v alone (Qwen2)
  bool qk_norm = false;         ///< an RMS norm over each query and key head before RoPE (Qwen3)
  bool mlp_bias = false;
  /// Frequencies that turn with the time, height and width positions (M-RoPE, Qwen-VL); empty = one position per token.
  std::vector<std::int64_t> mrope_section;
  bool mrope_interleaved = false;  ///< true: t h w t h w ... (Qwen3-VL); false: all t, all h, all w (Qwen2.5-VL)
  bool tie_word_embeddings = false;
  std::int64_t bos_token_id = 1;
  std::vector<std::int64_t> eos_token_ids = {2};
  std::optional<std::int64_t> pad_token_id;
  double repetition_penalty = 1.0;  ///< of generation_config.json; acts on greedy decoding too
};

/// A LLaVA-1.5-shaped model (transformers' LlavaConfig).
struct LlavaConfig {
  ClipVisionConfig vision = ClipVisionConfig::large_patch14_336();
  LlamaConfig text;
  std::int64_t image_token_id = 32000;
  std::optional<std::int64_t> pad_token_id;
  std::vector<std::int64_t> vision_feature_layers = {-2};  ///< as in the file: negative counts from the end
  bool feature_layer_is_list = false;                      ///< kept to write it back as it was read
  bool keep_class_token = false;  ///< vision_feature_select_strategy: false = "default", true = "full"
  std::string projector_act = "gelu";
  bool projector_bias = true;
  std::string dtype = "float32";  ///< of the stored weights ("float32", "float16", "bfloat16"); only a hint

  /// Indices into the tower's hidden states (0 = after pre_layrnorm, n = after block n), each in [0, layers].
  std::vector<std::int64_t> feature_layers() const;
  /// Tower blocks that the features need; later blocks are not used.
  std::int64_t tower_layers_needed() const;
  /// Rows that one image adds to the prompt.
  std::int64_t tokens_per_image() const { return vision.patches() + (keep_class_token ? 1 : 0); }
  /// Width of the features that the projector reads.
  std::int64_t feature_size() const;
};

/// Parses an HF config.json (transformers 4 or 5 key names). `file` is named in messages. Throws UserError(kInput) for
/// another architecture (naming those known), a wrong type, sizes that do not fit, or an unsupported RoPE scaling.
LlavaConfig parse_llava_config(const nlohmann::json& tree, const std::string& file);

/// Reads `folder`/config.json, and generation_config.json's stop ids and repetition penalty if there is one.
LlavaConfig read_llava_config(const std::filesystem::path& folder);

/// A config.json that transformers 4.57 loads; `parse_llava_config` of it gives `config` back.
nlohmann::ordered_json write_llava_config(const LlavaConfig& config);

/// `vision_config` of Qwen-VL towers (transformers' Qwen3VLVisionConfig, Qwen2_5_VLVisionConfig).
struct QwenVisionConfig {
  std::int64_t depth = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_heads = 0;
  std::int64_t in_channels = 3;
  std::int64_t patch_size = 0;           ///< pixels, square
  std::int64_t temporal_patch_size = 2;  ///< frames per patch; a still image is repeated
  std::int64_t spatial_merge_size = 2;   ///< merge x merge patches become one visual token
  std::int64_t out_hidden_size = 0;      ///< width of the decoder
  std::string hidden_act;
  std::int64_t num_position_embeddings = 0;            ///< Qwen3-VL: learned positions, a square table
  std::vector<std::int64_t> deepstack_visual_indexes;  ///< Qwen3-VL: blocks (0-based) whose output reaches the decoder
  std::int64_t window_size = 112;                      ///< Qwen2.5-VL: pixels
  std::vector<std::int64_t> fullatt_block_indexes;     ///< Qwen2.5-VL: blocks (0-based) without windows

  std::int64_t merge_unit() const { return spatial_merge_size * spatial_merge_size; }
};

/// A dense Qwen3-VL or Qwen2.5-VL model.
struct QwenVlConfig {
  enum class Generation { kQwen25, kQwen3 };
  Generation generation = Generation::kQwen3;
  QwenVisionConfig vision;
  LlamaConfig text;
  std::int64_t image_token_id = 151655;
};

/// As parse_llava_config, for model_type qwen3_vl or qwen2_5_vl (text keys nested or, in older Qwen2.5-VL files, flat).
QwenVlConfig parse_qwen_vl_config(const nlohmann::json& tree, const std::string& file);

/// The configuration of any architecture that can be loaded.
using VlmConfig = std::variant<LlavaConfig, QwenVlConfig>;

/// Reads `folder`/config.json by its model_type, and generation_config.json as read_llava_config does.
VlmConfig read_model_config(const std::filesystem::path& folder);

const LlamaConfig& text_config(const VlmConfig& config);

/// `model_type`s that can be loaded.
std::vector<std::string> known_architectures();

}  // namespace scalselect::vlm
