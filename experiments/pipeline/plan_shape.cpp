// Sizes of a model from its config.json.
#include "experiments/pipeline/plan_runs.h"
#include "vlm/config.h"

namespace scalselect::pipeline {
namespace {

plan::DecoderShape decoder_of(const vlm::LlamaConfig& text) {
  return {text.num_hidden_layers, text.hidden_size,       text.num_attention_heads, text.num_key_value_heads,
          text.head_dim,          text.intermediate_size, text.vocab_size,          text.tie_word_embeddings};
}

plan::ModelShape shape_of(const vlm::LlavaConfig& config) {
  plan::ModelShape shape;
  shape.name = "llava";
  shape.decoder = decoder_of(config.text);
  const auto& vision = config.vision;
  shape.tower = {config.tower_layers_needed(),
                 vision.hidden_size,
                 vision.intermediate_size,
                 /*gated=*/false,
                 vision.num_channels * vision.patch_size * vision.patch_size,
                 /*patches_per_token=*/1,
                 /*extra_positions=*/1,
                 vision.patches() + 1,
                 vision.num_attention_heads};
  const auto in = config.feature_size(), out = config.text.hidden_size;
  shape.projector_weights = in * out + out * out + (config.projector_bias ? 2 * out : 0);
  shape.tokens_per_image = config.tokens_per_image();
  return shape;
}

plan::ModelShape shape_of(const vlm::QwenVlConfig& config) {
  plan::ModelShape shape;
  const bool third = config.generation == vlm::QwenVlConfig::Generation::kQwen3;
  shape.name = third ? "qwen3_vl" : "qwen2_5_vl";
  shape.decoder = decoder_of(config.text);
  const auto& vision = config.vision;
  shape.tower = {vision.depth,
                 vision.hidden_size,
                 vision.intermediate_size,
                 /*gated=*/!third,
                 vision.in_channels * vision.temporal_patch_size * vision.patch_size * vision.patch_size,
                 vision.merge_unit(),
                 /*extra_positions=*/0,
                 vision.num_position_embeddings,
                 third ? vision.num_heads : 0};
  // The merger and those of DeepStack: merged patches through two linears.
  const auto merged = vision.hidden_size * vision.merge_unit();
  const auto merger = merged * merged + merged + merged * vision.out_hidden_size + vision.out_hidden_size;
  shape.projector_weights = merger * (1 + static_cast<std::int64_t>(vision.deepstack_visual_indexes.size()));
  return shape;
}

}  // namespace

plan::ModelShape shape_of_model(const std::filesystem::path& folder) {
  return std::visit([](const auto& config) { return shape_of(config); }, vlm::read_model_config(folder));
}

}  // namespace scalselect::pipeline
