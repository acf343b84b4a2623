#include "vlm/adapter.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "vlm/checkpoint.h"
#include "vlm/module_pattern.h"
#include "vlm/safetensors.h"

namespace scalselect::vlm {
namespace {

const std::string kPrefix = "base_model.model.";

/// PEFT's rule for lists: the whole name, or its end after a dot.
bool is_suffix(const std::string& name, const std::string& entry) {
  return name == entry || name.ends_with("." + entry);
}

std::vector<std::pair<std::string, Linear>> linears(const Vlm& model) {
  std::vector<std::pair<std::string, Linear>> found;
  for (const auto& item : model->named_modules("", /*include_self=*/false)) {
    if (auto linear = std::dynamic_pointer_cast<LinearImpl>(item.value())) found.emplace_back(item.key(), linear);
  }
  return found;
}

}  // namespace

double AdapterSpec::scaling() const {
  return use_rslora ? alpha / std::sqrt(static_cast<double>(r)) : alpha / static_cast<double>(r);
}

std::vector<std::string> adapter_targets(const Vlm& model, const AdapterSpec& spec) {
  std::vector<std::string> found;
  if (spec.r == 0) return found;
  const ModulePattern target(spec.target_pattern), exclude(spec.exclude_pattern);
  for (const auto& [name, linear] : linears(model)) {
    if (!spec.exclude_pattern.empty() && exclude.matches_all(name)) continue;
    const bool listed = std::any_of(spec.target_modules.begin(), spec.target_modules.end(),
                                    [&name = name](const auto& entry) { return is_suffix(name, entry); });
    if (spec.target_pattern.empty() ? listed : target.matches_all(name)) found.push_back(name);
  }
  return found;
}

std::vector<std::string> attach_adapter(Vlm model, const AdapterSpec& spec) {
  const auto names = adapter_targets(model, spec);
  if (names.empty() && spec.r > 0) {
    std::string examples;
    const auto all = linears(model);
    for (std::size_t i = all.size(); i-- > 0 && i + 3 >= all.size();) examples += " " + all[i].first;
    throw UserError(ErrorKind::kUsage, "LoRA targets match no linear layer of the model",
                    "Name the ends of module names such as" + examples + ".");
  }
  std::map<std::string, Linear> by_name;
  for (auto& [name, linear] : linears(model)) by_name.emplace(name, linear);
  for (const auto& name : names) {
    auto& linear = by_name.at(name);
    if (!linear->has_lora()) linear->attach_lora(spec.r, spec.scaling(), spec.dropout);
  }
  return names;
}

std::vector<std::string> saved_parameters(const Vlm& model, const AdapterSpec& spec) {
  std::vector<std::string> names;
  std::vector<bool> used(spec.modules_to_save.size());
  for (const auto& module : model->named_modules("", /*include_self=*/false)) {
    for (std::size_t i = 0; i < spec.modules_to_save.size(); ++i) {
      if (!is_suffix(module.key(), spec.modules_to_save[i])) continue;
      used[i] = true;
      for (const auto& parameter : module.value()->named_parameters()) {
        if (parameter.key().find("lora_") == std::string::npos) names.push_back(module.key() + "." + parameter.key());
      }
    }
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i]) continue;
    throw UserError(ErrorKind::kUsage, "modules_to_save '" + spec.modules_to_save[i] + "' matches no module",
                    "Take multi_modal_projector, embed_tokens or lm_head (a tied head has no module of its own).");
  }
  return names;
}

void merge_adapter(Vlm model) {
  for (auto& [name, linear] : linears(model)) linear->merge_lora();
}

namespace {

nlohmann::ordered_json config_json(const AdapterSpec& spec) {
  nlohmann::ordered_json tree;
  tree["alpha_pattern"] = nlohmann::json::object();
  tree["auto_mapping"] = nullptr;
  tree["base_model_name_or_path"] = spec.base_model;
  tree["bias"] = "none";
  tree["exclude_modules"] = spec.exclude_pattern.empty() ? nlohmann::json() : nlohmann::json(spec.exclude_pattern);
  tree["fan_in_fan_out"] = false;
  tree["inference_mode"] = true;
  tree["init_lora_weights"] = true;
  tree["layers_pattern"] = nullptr;
  tree["layers_to_transform"] = nullptr;
  tree["loftq_config"] = nlohmann::json::object();
  tree["lora_alpha"] = spec.alpha;
  tree["lora_bias"] = false;
  tree["lora_dropout"] = spec.dropout;
  tree["megatron_config"] = nullptr;
  tree["megatron_core"] = "megatron.core";
  tree["modules_to_save"] = spec.modules_to_save.empty() ? nlohmann::json() : nlohmann::json(spec.modules_to_save);
  tree["peft_type"] = "LORA";
  tree["r"] = spec.r;
  tree["rank_pattern"] = nlohmann::json::object();
  tree["revision"] = nullptr;
  if (spec.target_pattern.empty()) tree["target_modules"] = spec.target_modules;
  else tree["target_modules"] = spec.target_pattern;
  tree["task_type"] = "CAUSAL_LM";
  tree["use_dora"] = false;
  tree["use_rslora"] = spec.use_rslora;
  return tree;
}

}  // namespace

void save_adapter(const std::filesystem::path& folder, const Vlm& model, const AdapterSpec& spec) {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& [name, linear] : linears(model)) {
    if (!linear->has_lora()) continue;
    tensors.emplace_back(kPrefix + name + ".lora_A.weight", linear->lora_A.detach().to(torch::kFloat32));
    tensors.emplace_back(kPrefix + name + ".lora_B.weight", linear->lora_B.detach().to(torch::kFloat32));
  }
  const auto parameters = model->named_parameters();
  for (const auto& name : saved_parameters(model, spec)) {
    tensors.emplace_back(kPrefix + name, parameters[name].detach());
  }
  ensure_folder(folder);
  write_safetensors(folder / "adapter_model.safetensors", tensors);
  write_file_atomically(folder / "adapter_config.json", config_json(spec).dump(2) + "\n");
}

}  // namespace scalselect::vlm
