#include "vlm/config_sizes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace scalselect::vlm {
namespace {

struct Size {
  const char* key;
  std::int64_t value;
};

class Checker {
 public:
  Checker(const ShapeOf& shape_of, const std::string& file) : shape_of_(shape_of), file_(file) {}

  /// `sizes`: of the tensor's dimensions, each with the key that asks for it.
  void check(const std::string& tensor, const std::vector<Size>& sizes) const {
    const auto shape = shape_of_(tensor);
    if (!shape) refuse(fmt::format("the weights have no tensor '{}', which the model needs", tensor));
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (shape->size() == sizes.size() && (*shape)[i] == sizes[i].value) continue;
      misfit(sizes[i], fmt::format("tensor '{}' of the weights has shape [{}], where config.json asks for [{}]", tensor,
                                   fmt::join(*shape, ", "), expected(sizes)));
    }
  }

  /// `tensor` belongs to the last layer of `count`.
  void check_count(const Size& count, const std::string& tensor) const {
    if (!shape_of_(tensor)) misfit(count, "the weights have no tensor '" + tensor + "' (it is missing)");
  }

 private:
  static std::string expected(const std::vector<Size>& sizes) {
    std::string text;
    for (const auto& size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size.value);
    return text;
  }

  [[noreturn]] void misfit(const Size& size, const std::string& why) const {
    refuse(fmt::format("'{}' does not fit: {}", size.key, why));
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw UserError(ErrorKind::kInput, fmt::format("{}: {}", file_, why),
                    "The folder's weights do not belong to its config.json, or a file was not downloaded in full.");
  }

  const ShapeOf& shape_of_;
  const std::string& file_;
};

void check_decoder(const LlamaConfig& text, std::int64_t layers, const Checker& checker) {
  const Size hidden{"text_config.hidden_size", text.hidden_size};
  const std::string list = "model.language_model.layers.", first = list + "0.";
  checker.check("model.language_model.embed_tokens.weight", {{"text_config.vocab_size", text.vocab_size}, hidden});
  if (layers == 0) return;
  checker.check_count({"text_config.num_hidden_layers", layers},
                      list + std::to_string(layers - 1) + ".input_layernorm.weight");
  checker.check(first + "self_attn.q_proj.weight",
                {{"text_config.head_dim", text.num_attention_heads * text.head_dim}, hidden});
  checker.check(first + "self_attn.k_proj.weight",
                {{"text_config.num_key_value_heads", text.num_key_value_heads * text.head_dim}, hidden});
  checker.check(first + "mlp.gate_proj.weight", {{"text_config.intermediate_size", text.intermediate_size}, hidden});
}

}  // namespace

void check_sizes(const LlavaConfig& config, const BuiltParts& parts, const ShapeOf& shape_of, const std::string& file) {
  const Checker checker(shape_of, file);
  if (parts.tower) {
    const auto& vision = config.vision;
    const std::string tower = "model.vision_tower.vision_model.", list = tower + "encoder.layers.";
    const Size hidden{"vision_config.hidden_size", vision.hidden_size};
    checker.check(tower + "embeddings.patch_embedding.weight", {hidden,
                                                                {"vision_config.num_channels", vision.num_channels},
                                                                {"vision_config.patch_size", vision.patch_size},
                                                                {"vision_config.patch_size", vision.patch_size}});
    checker.check(tower + "embeddings.position_embedding.weight",
                  {{"vision_config.image_size", vision.patches() + 1}, hidden});
    if (parts.tower_layers > 0) {
      checker.check_count({"vision_config.num_hidden_layers", parts.tower_layers},
                          list + std::to_string(parts.tower_layers - 1) + ".layer_norm1.weight");
      checker.check(list + "0.mlp.fc1.weight", {{"vision_config.intermediate_size", vision.intermediate_size}, hidden});
    }
    checker.check("model.multi_modal_projector.linear_1.weight", {{"text_config.hidden_size", config.text.hidden_size},
                                                                  {"vision_feature_layer", config.feature_size()}});
  }
  check_decoder(config.text, parts.decoder_layers, checker);
}

void check_sizes(const QwenVlConfig& config, const BuiltParts& parts, const ShapeOf& shape_of,
                 const std::string& file) {
  const Checker checker(shape_of, file);
  if (parts.tower) {
    const auto& vision = config.vision;
    const bool third = config.generation == QwenVlConfig::Generation::kQwen3;
    const std::string tower = "model.visual.", blocks = tower + "blocks.";
    const Size hidden{"vision_config.hidden_size", vision.hidden_size};
    checker.check(tower + "patch_embed.proj.weight", {hidden,
                                                      {"vision_config.in_channels", vision.in_channels},
                                                      {"vision_config.temporal_patch_size", vision.temporal_patch_size},
                                                      {"vision_config.patch_size", vision.patch_size},
                                                      {"vision_config.patch_size", vision.patch_size}});
    if (third) {
      checker.check(tower + "pos_embed.weight",
                    {{"vision_config.num_position_embeddings", vision.num_position_embeddings}, hidden});
    }
    checker.check_count({"vision_config.depth", vision.depth},
                        blocks + std::to_string(vision.depth - 1) + ".norm1.weight");
    checker.check(blocks + (third ? "0.mlp.linear_fc1.weight" : "0.mlp.gate_proj.weight"),
                  {{"vision_config.intermediate_size", vision.intermediate_size}, hidden});
    const Size grouped{"vision_config.spatial_merge_size", vision.merge_unit() * vision.hidden_size};
    checker.check(tower + (third ? "merger.linear_fc1.weight" : "merger.mlp.0.weight"), {grouped, grouped});
  }
  check_decoder(config.text, parts.decoder_layers, checker);
}

}  // namespace scalselect::vlm
