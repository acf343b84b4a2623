#include "vlm/checkpoint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "vlm/qwen_vl.h"
#include "vlm/safetensors.h"

namespace scalselect::vlm {

namespace {

/// First rule whose prefix matches wins. Layouts: transformers < 4.52, original LLaVA, bare decoder, older Qwen-VL.
constexpr std::array<std::pair<const char*, const char*>, 10> kRenames = {{
    {"language_model.model.", "model.language_model."},
    {"language_model.lm_head.", "lm_head."},
    {"vision_tower.", "model.vision_tower."},
    {"multi_modal_projector.", "model.multi_modal_projector."},
    {"model.vision_tower.vision_tower.", "model.vision_tower."},
    {"model.mm_projector.0.", "model.multi_modal_projector.linear_1."},
    {"model.mm_projector.2.", "model.multi_modal_projector.linear_2."},
    {"visual.", "model.visual."},
    {"model.layers.", "model.language_model.layers."},
    {"model.embed_tokens.", "model.language_model.embed_tokens."},
}};

const std::string kTower = "model.vision_tower.";

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

/// The tensors of a folder under their canonical names.
class Weights {
 public:
  explicit Weights(const std::filesystem::path& folder) : files_(folder) {
    for (const auto& name : files_.names()) names_.emplace(canonical_tensor_name(name), name);
  }

  bool has(const std::string& name) const { return names_.contains(name); }

  /// Copies tensor `name` over `target`'s storage-to-be, converted; a float checkpoint is never aliased.
  torch::Tensor take(const std::string& name, at::IntArrayRef shape, const LoadOptions& options) const {
    const auto found = names_.find(name);
    if (found == names_.end()) {
      throw UserError(ErrorKind::kInput, files_.path().string() + ": tensor '" + name + "' is missing",
                      "The folder's weights do not belong to its config.json, or a file was not downloaded in full.");
    }
    const auto actual = files_.shape(found->second);
    if (at::IntArrayRef(actual) != shape) {
      throw UserError(ErrorKind::kInput,
                      files_.path().string() + ": tensor '" + found->second + "' has shape " + shape_text(actual) +
                          ", but config.json asks for " + shape_text(shape),
                      "The folder's weights do not belong to its config.json.");
    }
    const auto stored = files_.tensor(found->second);
    check_finite(stored, found->second);
    auto taken = stored.to(options.device, options.dtype, /*non_blocking=*/false, /*copy=*/true);
    files_.release(found->second);  // otherwise the file's pages would count beside the weights made of them
    return taken;
  }

 private:
  /// NaN and infinity survive a sum; only a sum that is not finite needs the closer look.
  void check_finite(const torch::Tensor& stored, const std::string& name) const {
    if (std::isfinite(stored.sum(torch::kFloat32).item<float>()) || torch::isfinite(stored).all().item<bool>()) return;
    throw UserError(ErrorKind::kInput, files_.path().string() + ": tensor '" + name + "' holds NaN or infinity",
                    "The file is damaged, or its training diverged: fetch it again or take another checkpoint.");
  }

  SafetensorsFolder files_;
  std::map<std::string, std::string> names_;  // canonical -> in the file
};

}  // namespace

torch::ScalarType weight_dtype(const std::string& name) {
  if (name == "float32") return torch::kFloat32;
  if (name == "bfloat16") return torch::kBFloat16;
  if (name == "float16") return torch::kHalf;
  throw UserError(ErrorKind::kUsage, "dtype '" + name + "' is not known",
                  "Known are 'float32', 'bfloat16' and 'float16'.");
}

std::string canonical_tensor_name(const std::string& name) {
  std::string result = name;
  for (const auto& [from, to] : kRenames) {
    if (!name.starts_with(from)) continue;
    result = to + name.substr(std::string(from).size());
    break;
  }
  if (name == "model.norm.weight") result = "model.language_model.norm.weight";
  if (result.starts_with(kTower) && !result.starts_with(kTower + "vision_model.")) {
    result.insert(kTower.size(), "vision_model.");
  }
  return result;
}

namespace {

void fill(torch::nn::Module& model, const Weights& weights, const LoadOptions& options) {
  for (auto& item : model.named_parameters()) {
    auto& parameter = item.value();
    parameter.set_data(weights.take(item.key(), parameter.sizes(), options));
    parameter.set_requires_grad(false);
  }
  model.eval();
}

void tie_if_headless(LlamaConfig& text, const Weights& weights, const LoadOptions& options) {
  if (options.parts.head && !weights.has("lm_head.weight")) text.tie_word_embeddings = true;
}

QwenVlModel load(const std::filesystem::path& folder, QwenVlConfig config, const LoadOptions& options) {
  const Weights weights(folder);
  tie_if_headless(config.text, weights, options);
  QwenVlModel model(config, options.parts);
  fill(*model, weights, options);
  return model;
}

LlavaModel load(const std::filesystem::path& folder, LlavaConfig config, const LoadOptions& options) {
  const Weights weights(folder);
  tie_if_headless(config.text, weights, options);
  auto parts = options.parts;
  if (parts.tower_layers < 0 && options.needed_tower_only) parts.tower_layers = config.tower_layers_needed();
  LlavaModel model(config, parts);
  fill(*model, weights, options);
  return model;
}

}  // namespace

Vlm load_vlm(const std::filesystem::path& folder, const LoadOptions& options) {
  return std::visit([&](const auto& config) { return Vlm(load(folder, config, options)); }, read_model_config(folder));
}

LlavaModel load_llava(const std::filesystem::path& folder, const LoadOptions& options) {
  return load(folder, read_llava_config(folder), options);
}

void save_llava(const std::filesystem::path& folder, const LlavaModel& model, std::optional<torch::ScalarType> dtype) {
  const auto& config = model->config();
  TORCH_CHECK(model->parts().tower && model->parts().decoder_layers < 0, "a model can only be saved whole");
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& item : model->named_parameters()) {
    TORCH_CHECK(item.key().find("lora_") == std::string::npos, "merge LoRA branches before saving");
    const auto value = item.value().detach();
    tensors.emplace_back(item.key(), dtype ? value.to(*dtype) : value);
  }
  auto written = config;
  const auto stored = dtype.value_or(model->dtype());
  written.dtype = stored == torch::kBFloat16 ? "bfloat16" : stored == torch::kHalf ? "float16" : "float32";
  ensure_folder(folder);
  write_file_atomically(folder / "config.json", write_llava_config(written).dump(2) + "\n");
  write_safetensors(folder / "model.safetensors", tensors);
}

}  // namespace scalselect::vlm
