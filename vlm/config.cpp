#include "vlm/config.h"

#include <algorithm>

#include "core/error.h"
#include "core/files.h"

namespace scalselect::vlm {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// Reads typed keys of one JSON object; an absent key or null leaves the default in place.
class Reader {
 public:
  Reader(const json& tree, std::string file, std::string prefix)
      : tree_(tree), file_(std::move(file)), prefix_(std::move(prefix)) {
    if (!tree.is_object()) fail("", "a mapping");
  }

  const json* find(const char* key) const {
    const auto found = tree_.find(key);
    return found == tree_.end() || found->is_null() ? nullptr : &*found;
  }

  template <class T>
  bool read(const char* key, T& target) const {
    const auto* value = find(key);
    if (value == nullptr) return false;
    if constexpr (std::is_same_v<T, std::string>) {
      if (!value->is_string()) fail(key, "a string");
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!value->is_boolean()) fail(key, "true or false");
    } else if constexpr (std::is_integral_v<T>) {
      if (!value->is_number_integer()) fail(key, "an integer");
    } else {
      if (!value->is_number()) fail(key, "a number");
    }
    target = value->get<T>();
    return true;
  }

  void read_size(const char* key, std::int64_t& target) const {
    if (read(key, target) && target <= 0) fail(key, "a positive integer");
  }

  void read_id(const char* key, std::optional<std::int64_t>& target) const {
    std::int64_t id = 0;
    if (read(key, id) && id >= 0) target = id;
  }

  /// An integer or a list of integers; true if it was a list.
  bool read_list(const char* key, std::vector<std::int64_t>& target) const {
    const auto* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_array()) {
      target.assign(1, 0);
      read(key, target.front());
      return false;
    }
    target.clear();
    for (const auto& item : *value) {
      if (!item.is_number_integer()) fail(key, "an integer or a list of integers");
      target.push_back(item.get<std::int64_t>());
    }
    if (target.empty()) fail(key, "a list that is not empty");
    return true;
  }

  [[noreturn]] void fail(const std::string& key, const std::string& expected) const {
    throw UserError(ErrorKind::kInput, file_ + ": '" + prefix_ + key + "' must be " + expected,
                    "Restore the config.json that came with the model.");
  }

 private:
  const json& tree_;
  std::string file_, prefix_;
};

ClipVisionConfig parse_vision(const Reader& in) {
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

/// transformers < 5: rope_theta and rope_scaling; later: one object rope_parameters.
void parse_rope(const Reader& in, LlamaConfig& config) {
  in.read("rope_theta", config.rope_theta);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const auto* rope = in.find(key);
    if (rope == nullptr) continue;
    if (!rope->is_object()) in.fail(key, "a mapping");
    if (rope->contains("rope_theta")) config.rope_theta = rope->at("rope_theta").get<double>();
    const auto type = rope->value("rope_type", rope->value("type", std::string("default")));
    if (type != "default") in.fail(key, "of type 'default': scaling '" + type + "' is not supported");
  }
}

LlamaConfig parse_text(const Reader& in) {
  LlamaConfig config;
  std::string type = "llama";
  in.read("model_type", type);
  if (type != "llama") in.fail("model_type", "'llama' (found '" + type + "')");
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
  if (config.head_dim % 2 != 0) in.fail("head_dim", "even");
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    in.fail("num_attention_heads", "a multiple of num_key_value_heads");
  }
  return config;
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

void parse_features(const Reader& in, LlavaConfig& config) {
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

std::vector<std::string> known_architectures() { return {"llava"}; }

LlavaConfig parse_llava_config(const json& tree, const std::string& file) {
  check_architecture(tree, file);
  LlavaConfig config;
  const Reader top(tree, file, "");
  if (const auto* vision = top.find("vision_config")) {
    config.vision = parse_vision(Reader(*vision, file, "vision_config."));
  }
  if (const auto* text = top.find("text_config")) config.text = parse_text(Reader(*text, file, "text_config."));
  top.read("image_token_index", config.image_token_id);
  top.read("image_token_id", config.image_token_id);
  top.read_id("pad_token_id", config.pad_token_id);
  if (!config.pad_token_id) config.pad_token_id = config.text.pad_token_id;
  parse_features(top, config);
  top.read("projector_hidden_act", config.projector_act);
  top.read("multimodal_projector_bias", config.projector_bias);
  bool tied = false;
  if (top.read("tie_word_embeddings", tied) && tied) config.text.tie_word_embeddings = true;
  for (const char* key : {"torch_dtype", "dtype"}) top.read(key, config.dtype);
  if (config.image_token_id < 0 || config.image_token_id >= config.text.vocab_size) {
    top.fail("image_token_index", "below text_config.vocab_size (" + std::to_string(config.text.vocab_size) + ")");
  }
  return config;
}

LlavaConfig read_llava_config(const std::filesystem::path& folder) {
  const auto parse = [](const std::filesystem::path& file) {
    try {
      return json::parse(read_file(file));
    } catch (const json::exception& error) {
      throw UserError(ErrorKind::kInput, file.string() + " is not valid JSON: " + error.what(),
                      "Restore the file that came with the model.");
    }
  };
  const auto file = folder / "config.json";
  auto config = parse_llava_config(parse(file), file.string());
  const auto generation = folder / "generation_config.json";
  if (std::filesystem::exists(generation)) {
    const auto tree = parse(generation);
    const Reader in(tree, generation.string(), "");
    in.read_list("eos_token_id", config.text.eos_token_ids);
  }
  return config;
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
