#include "vlm/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/memory.h"
#include "data/python_json.h"
#include "vlm/config_sizes.h"
#include "vlm/linear.h"
#include "vlm/nf4.h"
#include "vlm/qwen_vl.h"
#include "vlm/safetensors.h"
#include "vlm/weight_files.h"

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

const std::string kTower = "model.vision_tower.", kBlocks = "model.language_model.layers.";

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

/// The tensors of a folder under their canonical names.
class Weights {
 public:
  explicit Weights(const std::filesystem::path& folder) : files_(folder), quantised_(quantisation(folder)) {
    for (const auto& name : files_.names()) names_.emplace(canonical_tensor_name(name), name);
  }

  bool has(const std::string& name) const { return names_.contains(name); }

  std::optional<std::vector<std::int64_t>> shape(const std::string& name) const {
    const auto found = names_.find(name);
    if (found == names_.end()) return std::nullopt;
    return files_.shape(found->second);
  }

  /// Refuses sizes that differ from the weights', and weights that do not fit into memory.
  template <class Config>
  void check(const Config& config, const ModelParts& parts, std::int64_t tower_layers,
             const LoadOptions& options) const {
    const auto layers = parts.decoder_layers < 0 ? config.text.num_hidden_layers : parts.decoder_layers;
    const auto file = (files_.path() / "config.json").string();
    try {
      check_sizes(
          config, {parts.tower, tower_layers, layers}, [&](const auto& name) { return shape(name); }, file);
    } catch (const UserError& error) {
      if (quantised_.empty()) throw;
      refuse_quantised(error.problem());
    }
    if (!quantised_.empty()) {
      log_warning(
          "'{}' says that its weights are quantised (quant_method '{}'); they are numbers, and used as they are", file,
          quantised_);
    }
    if (!options.device.is_cpu()) return;
    const auto needed = bytes(parts, layers, options);
    const auto free = free_memory();
    if (!free || needed <= *free) return;
    throw UserError(
        ErrorKind::kEnvironment,
        fmt::format("The weights of '{}' take {:.1f} GB of memory, of which {:.1f} GB are free", files_.path().string(),
                    1e-9 * static_cast<double>(needed), 1e-9 * static_cast<double>(*free)),
        "Use model.dtype=bfloat16, a smaller model or a larger machine.");
  }

  /// Warns of decoder layers that the configuration does not ask for; their weights are not used, as in transformers.
  void tell_unused_layers(const LlamaConfig& text) const {
    std::int64_t layers = 0;
    for (auto at = names_.lower_bound(kBlocks); at != names_.end() && at->first.starts_with(kBlocks); ++at)
      layers = std::max<std::int64_t>(layers, std::atoll(at->first.c_str() + kBlocks.size()) + 1);
    if (layers <= text.num_hidden_layers) return;
    log_warning(
        "'{}' has the weights of {} decoder layers, of which its config.json asks for {}: the others are not used",
        files_.path().string(), layers, text.num_hidden_layers);
  }

  /// A copy of tensor `name`, converted; the checkpoint's memory is never aliased.
  torch::Tensor load(const std::string& name, at::IntArrayRef shape, const LoadOptions& options) const {
    return taken<torch::Tensor>(name, shape, [&](const torch::Tensor& stored) {
      return stored.to(options.device, dtype_of(name, shape, options), /*non_blocking=*/false, /*copy=*/true);
    });
  }

  /// Tensor `name` in four bits.
  Nf4Weight load_nf4(const std::string& name, at::IntArrayRef shape, torch::Device device) const {
    return taken<Nf4Weight>(name, shape, [&](const torch::Tensor& stored) { return quantise_nf4(stored).to(device); });
  }

  /// Whether `name` is a weight of the decoder's linear layers.
  static bool is_block_weight(const std::string& name) {
    return name.starts_with(kBlocks) && name.ends_with("_proj.weight");
  }

 private:
  /// What `take` makes of tensor `name`, which is checked before and its file's memory given back after.
  template <class Made, class Take>
  Made taken(const std::string& name, at::IntArrayRef shape, const Take& take) const {
    const auto found = names_.find(name);
    if (found == names_.end()) {
      refuse("tensor '" + name + "' is missing",
             "The folder's weights do not belong to its config.json, or a file was not downloaded in full.");
    }
    const auto actual = files_.shape(found->second);
    if (at::IntArrayRef(actual) != shape) {
      refuse("tensor '" + found->second + "' has shape " + shape_text(actual) + ", but config.json asks for " +
                 shape_text(shape),
             "The folder's weights do not belong to its config.json.");
    }
    const auto stored = quantised_.empty() ? files_.tensor(found->second) : plain_tensor(found->second);
    if (!stored.is_floating_point()) {
      refuse(fmt::format("tensor '{}' holds {} numbers, the codes of quantised weights{}", found->second,
                         c10::toString(stored.scalar_type()),
                         quantised_.empty() ? "" : fmt::format(" (quant_method '{}')", quantised_)),
             "Use the model's folder with bfloat16, float16 or float32 weights.");
    }
    check_finite(stored, found->second);
    Made made = take(stored);
    files_.release(found->second);  // otherwise the file's pages would take memory besides the weights made of them
    return made;
  }

  /// How the weights are quantised according to config.json; empty: not at all.
  static std::string quantisation(const std::filesystem::path& folder) {
    const auto tree = read_python_json(folder / "config.json");
    const auto found = tree.is_object() ? tree.find("quantization_config") : tree.end();
    if (!tree.is_object() || found == tree.end() || !found->is_object()) return {};
    const auto method = found->find("quant_method");
    return method != found->end() && method->is_string() ? method->get<std::string>() : "unknown";
  }

  [[noreturn]] void refuse(const std::string& problem, const std::string& remedy) const {
    if (!quantised_.empty()) refuse_quantised(problem);
    throw UserError(ErrorKind::kInput, files_.path().string() + ": " + problem, remedy);
  }

  [[noreturn]] void refuse_quantised(const std::string& problem) const {
    throw UserError(ErrorKind::kInput,
                    "The weights of '" + files_.path().string() + "' are quantised (quant_method '" + quantised_ +
                        "'), which is not supported: " + problem,
                    "Use the model's folder with bfloat16, float16 or float32 weights.");
  }

  torch::Tensor plain_tensor(const std::string& name) const {
    try {
      return files_.tensor(name);
    } catch (const UserError& error) {
      refuse_quantised(error.problem());
    }
  }

  static torch::ScalarType dtype_of(const std::string& name, at::IntArrayRef shape, const LoadOptions& options) {
    return options.block_dtype && is_block_weight(name) ? options.block_dtype(shape) : options.dtype;
  }

  /// Of the parts to be built; of the tower all, even if some blocks are left out.
  std::int64_t bytes(const ModelParts& parts, std::int64_t layers, const LoadOptions& options) const {
    std::int64_t total = 0;
    for (const auto& [name, stored] : names_) {
      const bool text = name.starts_with("model.language_model."), head = name == "lm_head.weight";
      if (name.starts_with(kBlocks) && std::atoll(name.c_str() + kBlocks.size()) >= layers) continue;
      if (head ? !parts.head : !text && !parts.tower) continue;
      if (!files_.has(stored)) continue;
      const auto shape = files_.shape(stored);
      const auto numbers = c10::multiply_integers(shape);
      total += options.block_nf4 && is_block_weight(name)
                   ? nf4_bytes(numbers)
                   : numbers * static_cast<std::int64_t>(elementSize(dtype_of(name, shape, options)));
    }
    return total;
  }

  /// NaN and infinity survive a sum; only a sum that is not finite needs a closer check.
  void check_finite(const torch::Tensor& stored, const std::string& name) const {
    if (std::isfinite(stored.sum(torch::kFloat32).item<float>()) || torch::isfinite(stored).all().item<bool>()) return;
    throw UserError(ErrorKind::kInput, files_.path().string() + ": tensor '" + name + "' holds NaN or infinity",
                    "The file is damaged, or its training diverged: fetch it again or use another checkpoint.");
  }

  WeightFiles files_;
  std::string quantised_;
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
  std::map<std::string, std::shared_ptr<LinearImpl>> in_nf4;  // by the name of the weight
  if (options.block_nf4) {
    for (const auto& module : model.named_modules("", /*include_self=*/false)) {
      const auto weight = module.key() + ".weight";
      const auto linear = std::dynamic_pointer_cast<LinearImpl>(module.value());
      if (linear && Weights::is_block_weight(weight)) in_nf4.emplace(weight, linear);
    }
  }
  for (auto& item : model.named_parameters()) {
    auto& parameter = item.value();
    if (const auto linear = in_nf4.find(item.key()); linear != in_nf4.end()) {
      parameter.set_requires_grad(false);
      linear->second->hold_in_nf4(weights.load_nf4(item.key(), parameter.sizes(), options.device));
      continue;
    }
    parameter.set_data(weights.load(item.key(), parameter.sizes(), options));
    parameter.set_requires_grad(false);
  }
  model.eval();
}

void tie_if_headless(LlamaConfig& text, const Weights& weights, const LoadOptions& options) {
  if (options.parts.head && !weights.has("lm_head.weight")) text.tie_word_embeddings = true;
}

/// The model that `make` builds; what it refuses is said to be of the folder's config.json.
template <class Make>
auto built(const std::filesystem::path& folder, const Make& make) {
  try {
    return make();
  } catch (const UserError& error) {
    throw UserError(error.kind(), "'" + (folder / "config.json").string() + "': " + error.problem(), error.remedy());
  }
}

QwenVlModel load(const std::filesystem::path& folder, QwenVlConfig config, const LoadOptions& options) {
  const Weights weights(folder);
  tie_if_headless(config.text, weights, options);
  weights.tell_unused_layers(config.text);
  weights.check(config, options.parts, config.vision.depth, options);
  auto model = built(folder, [&] { return QwenVlModel(config, options.parts); });
  fill(*model, weights, options);
  return model;
}

LlavaModel load(const std::filesystem::path& folder, LlavaConfig config, const LoadOptions& options) {
  const Weights weights(folder);
  tie_if_headless(config.text, weights, options);
  weights.tell_unused_layers(config.text);
  auto parts = options.parts;
  if (parts.tower_layers < 0 && options.needed_tower_only) parts.tower_layers = config.tower_layers_needed();
  weights.check(config, parts, parts.tower_layers < 0 ? config.vision.num_hidden_layers : parts.tower_layers, options);
  auto model = built(folder, [&] { return LlavaModel(config, parts); });
  fill(*model, weights, options);
  return model;
}

}  // namespace

Vlm load_vlm(const std::filesystem::path& folder, const LoadOptions& options) {
  if (std::filesystem::exists(folder / "adapter_config.json")) {
    log_warning(
        "'{}' holds an adapter besides the model (adapter_config.json), which is used only where adapter= names it",
        folder.string());
  }
  return std::visit([&](const auto& config) { return Vlm(load(folder, config, options)); }, read_model_config(folder));
}

LlavaModel load_llava(const std::filesystem::path& folder, const LoadOptions& options) {
  return load(folder, read_llava_config(folder), options);
}

void save_llava(const std::filesystem::path& folder, const LlavaModel& model, std::optional<torch::ScalarType> dtype) {
  const auto& config = model->config();
  TORCH_CHECK(model->parts().tower && model->parts().decoder_layers < 0, "a model can only be saved whole");
  for (const auto& module : model->modules(/*include_self=*/false)) {
    const auto* const linear = dynamic_cast<const LinearImpl*>(module.get());
    TORCH_CHECK(linear == nullptr || !linear->nf4(), "weights in four bits cannot be saved");
  }
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
