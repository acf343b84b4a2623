#include "vlm/llava_processor.h"

#include "core/log.h"
#include "data/python_json.h"
#include "vlm/json_reader.h"

namespace scalselect::vlm {
namespace {

void tell_count(const JsonReader& in, const LlavaConfig& config) {
  std::int64_t patch = 0, more = 0;
  std::string strategy;
  in.read_size("patch_size", patch);
  in.read("num_additional_image_tokens", more);
  in.read("vision_feature_select_strategy", strategy);
  if (patch == 0) return;  // as before transformers 4.46
  const auto side = config.vision.image_size / patch;
  const auto count = side * side + more - (strategy == "default" ? 1 : 0);
  if (count == config.tokens_per_image()) return;
  log_warning(
      "{}: patch_size {}, num_additional_image_tokens {} and vision_feature_select_strategy '{}' make {} tokens of a "
      "picture, and config.json {} (vision_config.patch_size {}, vision_feature_select_strategy '{}'), which is used",
      in.file(), patch, more, strategy, count, config.tokens_per_image(), config.vision.patch_size,
      config.keep_class_token ? "full" : "default");
}

void tell_token(const JsonReader& in, const LlavaConfig& config, const Tokenizer& tokenizer) {
  std::string token;
  if (!in.read("image_token", token)) return;
  const auto id = tokenizer.token_to_id(token);
  if (id == config.image_token_id) return;
  log_warning("{}: image_token '{}' {}, and image_token_index in config.json is {}, which is used", in.file(), token,
              id ? "has the id " + std::to_string(*id) : "is not in the tokenizer", config.image_token_id);
}

}  // namespace

void tell_processor_contradictions(const std::filesystem::path& folder, const LlavaConfig& config,
                                   const Tokenizer& tokenizer) {
  const auto file = folder / "processor_config.json";
  if (!std::filesystem::exists(file)) return;
  const auto tree = read_python_json(file);
  const JsonReader in(tree, file.string(), "");
  tell_count(in, config);
  tell_token(in, config, tokenizer);
}

}  // namespace scalselect::vlm
