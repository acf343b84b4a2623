#include "vlm/config.h"

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "data/python_json.h"
#include "vlm/json_reader.h"
#include "vlm/text_config.h"

namespace scalselect::vlm {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ClipVisionConfig parse_vision(const JsonReader& in) {
  ClipVisionConfig config;
  std::string type = "clip_vision_model";
  in.read("model_type", type);
  if (type != "clip_vision_model") in.fail("model_type", "'clip_vision_model' (found '" + type + "')");
  in.read_size("hidden_size", config.hidden_size);
  in.read_size("intermediate_size", config.intermediate_size);
  in.read_size("num_hidden_layers", config.num_hidden_layers);
  in.read_size("num_attention_heads", config.num_attention_heads);
  in.read_size("num_channels", config.num_channels);
  in.read_size("image_size", config.image_size);
  in.read_size("patch_size", config.patch_size);
  in.read_size("projection_dim", config.projection_dim);
  in.read("hidden_act", config.hidden_act);
  in.read("layer_norm_eps", config.layer_norm_eps);
  if (config.hidden_size % config.num_attention_heads != 0) in.fail("hidden_size", "a multiple of num_attention_heads");
  if (config.image_size % config.patch_size != 0) in.fail("image_size", "a multiple of patch_size");
  return config;
}

LlamaConfig parse_llama(const JsonReader& in) {
  std::string type = "llama";
  in.read("model_type", type);
  if (type != "llama") in.fail("model_type", "'llama' (found '" + type + "')");
  return parse_text_config(in, {});
}

void check_architecture(const json& tree, const std::string& file) {
  const auto known = known_architectures();
  const auto type = tree.is_object() ? tree.value("model_type", json()) : json();
  if (type.is_string() && std::find(known.begin(), known.end(), type.get<std::string>()) != known.end()) return;
  std::string names;
  for (const auto& name : known) names += (names.empty() ? "'" : ", '") + name + "'";
  throw UserError(ErrorKind::kInput,
                  file + ": " +
                      (type.is_string() ? "model_type '" + type.get<std::string>() + "' is not supported."
                                        : "there is no model_type."),
                  "Supported are: " + names + ".");
}

void parse_features(const JsonReader& in, LlavaConfig& config) {
  config.feature_layer_is_list = in.read_list("vision_feature_layer", config.vision_feature_layers);
  std::string strategy = "default";
  in.read("vision_feature_select_strategy", strategy);
  if (strategy != "default" && strategy != "full") {
    in.fail("vision_feature_select_strategy", "'default' or 'full' (found '" + strategy + "')");
  }
  config.keep_class_token = strategy == "full";
  const auto layers = config.vision.num_hidden_layers;
  for (const auto layer : config.vision_feature_layers) {
    if (layer < -layers - 1 || layer > layers) {
      in.fail("vision_feature_layer", "between " + std::to_string(-layers - 1) + " and " + std::to_string(layers));
    }
  }
}

}  // namespace

ClipVisionConfig ClipVisionConfig::large_patch14_336() {
  ClipVisionConfig config;
  config.hidden_size = 1024;
  config.intermediate_size = 4096;
  config.num_hidden_layers = 24;
  config.num_attention_heads = 16;
  config.image_size = 336;
  config.patch_size = 14;
  config.projection_dim = 768;
  return config;
}

std::vector<std::int64_t> LlavaConfig::feature_layers() const {
  auto layers = vision_feature_layers;
  for (auto& layer : layers) layer += layer < 0 ? vision.num_hidden_layers + 1 : 0;
  return layers;
}

std::int64_t LlavaConfig::tower_layers_needed() const {
  const auto layers = feature_layers();
  return *std::max_element(layers.begin(), layers.end());
}

std::int64_t LlavaConfig::feature_size() const {
  return vision.hidden_size * static_cast<std::int64_t>(vision_feature_layers.size());
}

std::vector<std::string> known_architectures() { return {"llava", "qwen2_5_vl", "qwen3_vl"}; }

LlavaConfig parse_llava_config(const json& tree, const std::string& file) {
  check_architecture(tree, file);
  if (tree.at("model_type") != "llava") {
    throw UserError(ErrorKind::kInput,
                    file + ": model_type '" + tree.at("model_type").get<std::string>() + "' is not 'llava'",
                    "This step supports models of LLaVA's architecture only.");
  }
  LlavaConfig config;
  const JsonReader top(tree, file, "");
  if (const auto* vision = top.find("vision_config")) {
    config.vision = parse_vision(JsonReader(*vision, file, "vision_config."));
  }
  if (const auto* text = top.find("text_config")) config.text = parse_llama(JsonReader(*text, file, "text_config."));
  top.read("image_token_index", config.image_token_id);
  top.read("image_token_id", config.image_token_id);
  top.read_id("pad_token_id", config.pad_token_id);
  if (!config.pad_token_id) config.pad_token_id = config.text.pad_token_id;
  parse_features(top, config);
  top.read("projector_hidden_act", config.projector_act);
  top.read("multimodal_projector_bias", config.projector_bias);
  for (const char* key : {"torch_dtype", "dtype"}) top.read(key, config.dtype);
  if (config.image_token_id < 0 || config.image_token_id >= config.text.vocab_size) {
    top.fail("image_token_index", "below text_config.vocab_size (" + std::to_string(config.text.vocab_size) + ")");
  }
  return config;
}

namespace {

namespace fs = std::filesystem;

/// Guesses what a user who gave that folder meant.
[[noreturn]] void refuse_folder(const fs::path& folder) {
  if (!fs::exists(folder)) {
    throw UserError(ErrorKind::kInput, "There is no model folder '" + folder.string() + "'",
                    "Check the path; a model of the Hugging Face hub must be downloaded first (hf download NAME "
                    "--local-dir FOLDER).");
  }
  if (!fs::is_directory(folder)) {
    throw UserError(ErrorKind::kInput, "'" + folder.string() + "' is a file, not the folder of a model",
                    "Give the folder that holds config.json, the weights and the tokenizer.");
  }
  if (fs::exists(folder / "adapter_config.json")) {
    throw UserError(ErrorKind::kInput, "'" + folder.string() + "' holds an adapter (adapter_config.json), not a model",
                    "Give its base model, and this folder as the adapter.");
  }
  throw UserError(ErrorKind::kInput, "'" + folder.string() + "' has no config.json, so it is not a Hugging Face model",
                  "Give the folder that holds config.json, the weights (*.safetensors) and the tokenizer.");
}

json parse_file(const std::filesystem::path& file) {
  auto tree = read_python_json<json>(file);
  if (!tree.is_discarded()) return tree;
  throw UserError(ErrorKind::kInput, file.string() + " is not valid JSON",
                  "Restore the file that came with the model.");
}

/// Adds what only generation_config.json says.
void read_generation(const std::filesystem::path& folder, LlamaConfig& text) {
  const auto file = folder / "generation_config.json";
  if (!std::filesystem::exists(file)) return;
  const auto tree = parse_file(file);
  const JsonReader in(tree, file.string(), "");
  in.read_list("eos_token_id", text.eos_token_ids);
  in.read("repetition_penalty", text.repetition_penalty);
  if (text.repetition_penalty <= 0) in.fail("repetition_penalty", "positive");
}

}  // namespace

LlavaConfig read_llava_config(const std::filesystem::path& folder) {
  const auto file = folder / "config.json";
  if (!fs::exists(file)) refuse_folder(folder);
  auto config = parse_llava_config(parse_file(file), file.string());
  read_generation(folder, config.text);
  return config;
}

VlmConfig read_model_config(const std::filesystem::path& folder) {
  const auto file = folder / "config.json";
  if (!fs::exists(file)) refuse_folder(folder);
  const auto tree = parse_file(file);
  check_architecture(tree, file.string());
  VlmConfig config;
  if (tree.at("model_type") == "llava") config = parse_llava_config(tree, file.string());
  else config = parse_qwen_vl_config(tree, file.string());
  std::visit([&](auto& any) { read_generation(folder, any.text); }, config);
  return config;
}

const LlamaConfig& text_config(const VlmConfig& config) {
  return std::visit([](const auto& any) -> const LlamaConfig& { return any.text; }, config);
}

namespace {

ordered_json list_or_single(const std::vector<std::int64_t>& values, bool list) {
  return list || values.size() != 1 ? ordered_json(values) : ordered_json(values.front());
}

ordered_json write_vision(const ClipVisionConfig& config) {
  return {{"model_type", "clip_vision_model"},
          {"hidden_size", config.hidden_size},
          {"intermediate_size", config.intermediate_size},
          {"num_hidden_layers", config.num_hidden_layers},
          {"num_attention_heads", config.num_attention_heads},
          {"num_channels", config.num_channels},
          {"image_size", config.image_size},
          {"patch_size", config.patch_size},
          {"projection_dim", config.projection_dim},
          {"hidden_act", config.hidden_act},
          {"layer_norm_eps", config.layer_norm_eps}};
}

ordered_json write_text(const LlamaConfig& config) {
  ordered_json tree = {{"model_type", "llama"},
                       {"vocab_size", config.vocab_size},
                       {"hidden_size", config.hidden_size},
                       {"intermediate_size", config.intermediate_size},
                       {"num_hidden_layers", config.num_hidden_layers},
                       {"num_attention_heads", config.num_attention_heads},
                       {"num_key_value_heads", config.num_key_value_heads},
                       {"head_dim", config.head_dim},
                       {"max_position_embeddings", config.max_position_embeddings},
                       {"hidden_act", config.hidden_act},
                       {"rms_norm_eps", config.rms_norm_eps},
                       {"rope_theta", config.rope_theta},
                       {"attention_bias", config.attention_bias},
                       {"mlp_bias", config.mlp_bias},
                       {"tie_word_embeddings", config.tie_word_embeddings},
                       {"bos_token_id", config.bos_token_id},
                       {"eos_token_id", list_or_single(config.eos_token_ids, false)}};
  if (config.pad_token_id) tree["pad_token_id"] = *config.pad_token_id;
  return tree;
}

}  // namespace

ordered_json write_llava_config(const LlavaConfig& config) {
  ordered_json tree = {
      {"architectures", {"LlavaForConditionalGeneration"}},
      {"model_type", "llava"},
      {"image_token_index", config.image_token_id},
      {"image_seq_length", config.tokens_per_image()},
      {"projector_hidden_act", config.projector_act},
      {"multimodal_projector_bias", config.projector_bias},
      {"vision_feature_layer", list_or_single(config.vision_feature_layers, config.feature_layer_is_list)},
      {"vision_feature_select_strategy", config.keep_class_token ? "full" : "default"},
      {"tie_word_embeddings", config.text.tie_word_embeddings},
      {"torch_dtype", config.dtype}};
  if (config.pad_token_id) tree["pad_token_id"] = *config.pad_token_id;
  tree["vision_config"] = write_vision(config.vision);
  tree["text_config"] = write_text(config.text);
  return tree;
}

}  // namespace scalselect::vlm
