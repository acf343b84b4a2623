#include <algorithm>
#include <functional>

#include "vlm/json_reader.h"
#include "vlm/text_config.h"

namespace scalselect::vlm {

namespace {

using nlohmann::json;
using Generation = QwenVlConfig::Generation;

bool is_square(std::int64_t count) {
  std::int64_t side = 0;
  while (side * side < count) ++side;
  return side * side == count;
}

void check_blocks(const JsonReader& in, const char* key, const std::vector<std::int64_t>& blocks, std::int64_t depth) {
  const bool fits = std::all_of(blocks.begin(), blocks.end(), [&](auto b) { return b >= 0 && b < depth; });
  if (!fits) in.fail(key, "block numbers below depth (" + std::to_string(depth) + ")");
}

void parse_qwen3_tower(const JsonReader& in, QwenVisionConfig& config) {
  config.hidden_act = "gelu_pytorch_tanh";
  in.require_size("num_position_embeddings", config.num_position_embeddings);
  if (!is_square(config.num_position_embeddings)) in.fail("num_position_embeddings", "a square number");
  in.read_list("deepstack_visual_indexes", config.deepstack_visual_indexes);
  check_blocks(in, "deepstack_visual_indexes", config.deepstack_visual_indexes, config.depth);
  const auto& deep = config.deepstack_visual_indexes;
  const bool ascending = std::adjacent_find(deep.begin(), deep.end(), std::greater_equal<>()) == deep.end();
  if (!ascending) in.fail("deepstack_visual_indexes", "in ascending order");
}

void parse_qwen25_tower(const JsonReader& in, QwenVisionConfig& config) {
  config.hidden_act = "silu";
  config.fullatt_block_indexes = {7, 15, 23, 31};
  in.read_size("window_size", config.window_size);
  if (config.window_size < config.patch_size * config.spatial_merge_size) {
    in.fail("window_size", "at least patch_size * spatial_merge_size");
  }
  in.read_list("fullatt_block_indexes", config.fullatt_block_indexes);
}

QwenVisionConfig parse_tower(const JsonReader& in, Generation generation) {
  QwenVisionConfig config;
  in.require_size("depth", config.depth);
  in.require_size("hidden_size", config.hidden_size);
  in.require_size("intermediate_size", config.intermediate_size);
  in.require_size("num_heads", config.num_heads);
  in.require_size("patch_size", config.patch_size);
  in.require_size("out_hidden_size", config.out_hidden_size);
  for (const char* key : {"in_channels", "in_chans"}) in.read_size(key, config.in_channels);
  in.read_size("temporal_patch_size", config.temporal_patch_size);
  in.read_size("spatial_merge_size", config.spatial_merge_size);
  constexpr std::int64_t kMostMerged = 64;
  if (config.spatial_merge_size > kMostMerged) in.fail("spatial_merge_size", "at most 64");
  if (config.hidden_size % (4 * config.num_heads) != 0) in.fail("hidden_size", "a multiple of 4 * num_heads");
  if (generation == Generation::kQwen3) parse_qwen3_tower(in, config);
  else parse_qwen25_tower(in, config);
  in.read("hidden_act", config.hidden_act);
  return config;
}

LlamaConfig text_defaults(Generation generation) {
  LlamaConfig text;
  text.bos_token_id = 151643;
  text.eos_token_ids = {151645};
  text.pad_token_id = 151643;
  const bool third = generation == Generation::kQwen3;
  text.rope_theta = third ? 5e6 : 1e6;
  text.qk_norm = third;
  text.qkv_bias = !third;
  return text;
}

LlamaConfig parse_qwen_text(const JsonReader& in, Generation generation) {
  for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"}) {
    std::int64_t size = 0;
    in.require_size(key, size);
  }
  auto text = parse_text_config(in, text_defaults(generation));
  if (text.mrope_section.empty()) in.fail("rope_scaling", "present, with an mrope_section");
  text.mrope_interleaved = generation == Generation::kQwen3;
  bool sliding = false;
  if (in.read("use_sliding_window", sliding) && sliding) in.fail("use_sliding_window", "false");
  return text;
}

}  // namespace

QwenVlConfig parse_qwen_vl_config(const json& tree, const std::string& file) {
  const JsonReader top(tree, file, "");
  QwenVlConfig config;
  config.generation = tree.value("model_type", json()) == "qwen3_vl" ? Generation::kQwen3 : Generation::kQwen25;
  const auto* vision = top.find("vision_config");
  if (vision == nullptr) top.fail("vision_config", "given");
  config.vision = parse_tower(JsonReader(*vision, file, "vision_config."), config.generation);
  const auto* text = top.find("text_config");
  config.text = parse_qwen_text(text != nullptr ? JsonReader(*text, file, "text_config.") : top, config.generation);
  top.read("image_token_id", config.image_token_id);
  bool tied = false;
  if (top.read("tie_word_embeddings", tied) && tied) config.text.tie_word_embeddings = true;
  if (config.vision.out_hidden_size != config.text.hidden_size) {
    top.fail("vision_config.out_hidden_size", "the hidden_size of the text model");
  }
  if (config.image_token_id < 0 || config.image_token_id >= config.text.vocab_size) {
    top.fail("image_token_id", "below vocab_size (" + std::to_string(config.text.vocab_size) + ")");
  }
  return config;
}

}  // namespace scalselect::vlm
