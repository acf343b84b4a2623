#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/python_json.h"
#include "vlm/adapter.h"
#include "vlm/checkpoint.h"
#include "vlm/module_pattern.h"
#include "vlm/weight_files.h"

namespace scalselect::vlm {
namespace {

using json = nlohmann::ordered_json;  // PEFT lets the first pattern in the file win

const std::string kPrefix = "base_model.model.";

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& problem, const std::string& remedy) {
  throw UserError(ErrorKind::kInput, file.string() + " " + problem, remedy);
}

template <class T>
T get(const json& tree, const std::filesystem::path& file, const char* key, T otherwise) {
  const auto found = tree.find(key);
  if (found == tree.end() || found->is_null()) return otherwise;
  try {
    return found->template get<T>();
  } catch (const json::exception&) {
    refuse(file, std::string("has a wrong type for '") + key + "'", "Write the adapter again with PEFT.");
  }
}

json read_config(const std::filesystem::path& folder) {
  const auto file = folder / "adapter_config.json";
  if (!std::filesystem::exists(file)) {
    const bool model = std::filesystem::exists(folder / "config.json");
    refuse(folder, std::string("has no adapter_config.json") + (model ? ": it holds a model" : ""),
           "Give a folder that PEFT's save_pretrained wrote.");
  }
  const auto tree = read_python_json<json>(file);
  if (!tree.is_object()) refuse(file, "is not a JSON object", "Give a folder that PEFT's save_pretrained wrote.");
  if (get<std::string>(tree, file, "peft_type", "") != "LORA") {
    refuse(file, "is not a LoRA adapter", "Only peft_type LORA is supported.");
  }
  if (get<bool>(tree, file, "use_dora", false)) refuse(file, "uses DoRA", "Merge the adapter with PEFT first.");
  return tree;
}

/// The weights of an adapter, safetensors before .bin as in PEFT.
std::filesystem::path weights_file(const std::filesystem::path& folder) {
  for (const char* name : {"adapter_model.safetensors", "adapter_model.bin"}) {
    if (std::filesystem::exists(folder / name)) return folder / name;
  }
  refuse(folder, "has neither adapter_model.safetensors nor adapter_model.bin",
         "Give a folder that PEFT's save_pretrained wrote.");
}

AdapterSpec parse(const json& tree, const std::filesystem::path& file) {
  AdapterSpec spec;
  spec.r = get<std::int64_t>(tree, file, "r", 8);
  spec.alpha = get<double>(tree, file, "lora_alpha", 8);
  spec.dropout = get<double>(tree, file, "lora_dropout", 0);
  spec.use_rslora = get<bool>(tree, file, "use_rslora", false);
  spec.base_model = get<std::string>(tree, file, "base_model_name_or_path", "");
  spec.modules_to_save = get<std::vector<std::string>>(tree, file, "modules_to_save", {});
  const auto targets = get<json>(tree, file, "target_modules", {});
  if (targets.is_string()) spec.target_pattern = targets.get<std::string>();
  else spec.target_modules = get<std::vector<std::string>>(tree, file, "target_modules", {});
  const auto excluded = get<json>(tree, file, "exclude_modules", {});
  spec.exclude_pattern = excluded.is_string() ? excluded.get<std::string>() : "";
  return spec;
}

/// PEFT's alpha_pattern or rank_pattern: the first key in the file that matches the end of a module's name wins. A key
/// may be meant for the names under which the weights are stored, those of an older transformers.
class ModulePatterns {
 public:
  ModulePatterns(const json& tree, const std::filesystem::path& file, const char* which) : file_(file), which_(which) {
    const auto patterns = get<json>(tree, file, which, json::object());
    for (const auto& [key, value] : patterns.items()) {
      if (!value.is_number()) refuse(file, fmt::format("has no number for '{}.{}'", which, key), "Correct that entry.");
      entries_.push_back({key, ModulePattern("(.*\\.)?(" + key + ")"), value.template get<double>()});
    }
  }

  double value(const std::string& module, const std::string& stored, double otherwise) {
    for (auto& entry : entries_) {
      if (!entry.pattern.matches_all(module) && !entry.pattern.matches_all(stored)) continue;
      entry.used = true;
      return entry.value;
    }
    return otherwise;
  }

  /// Warns of keys that were never used.
  void tell_unused() const {
    for (const auto& entry : entries_) {
      if (!entry.used) log_warning("{}: '{}' of {} matches no adapted module", file_.string(), entry.key, which_);
    }
  }

 private:
  struct Entry {
    std::string key;
    ModulePattern pattern;
    double value;
    bool used = false;
  };
  std::filesystem::path file_;
  const char* which_;
  std::vector<Entry> entries_;
};

/// The stored name without PEFT's prefix, in the newest transformers' layout.
std::string model_name(const std::filesystem::path& file, const std::string& stored, const std::string& ending) {
  if (!stored.starts_with(kPrefix)) {
    refuse(file, "holds '" + stored + "', which does not begin with " + kPrefix, "Write the adapter again with PEFT.");
  }
  const auto inner = stored.substr(kPrefix.size(), stored.size() - kPrefix.size() - ending.size());
  if (ending.empty()) return canonical_tensor_name(inner);
  const auto name = canonical_tensor_name(inner + ".weight");
  return name.substr(0, name.size() - std::string(".weight").size());
}

class AdapterReader {
 public:
  AdapterReader(const std::filesystem::path& folder, Vlm model)
      : config_file_(folder / "adapter_config.json"),
        tree_(read_config(folder)),
        file_(weights_file(folder)),
        alphas_(tree_, config_file_, "alpha_pattern"),
        ranks_(tree_, config_file_, "rank_pattern"),
        model_(model) {}

  AdapterSpec load(bool merge) {
    const auto spec = parse(tree_, config_file_);
    const std::string a_end = ".lora_A.weight", b_end = ".lora_B.weight";
    for (const auto& name : file_.names()) {
      if (name.ends_with(a_end)) attach(spec, name, name.substr(0, name.size() - a_end.size()) + b_end, a_end);
      else if (name.ends_with(b_end)) need(name.substr(0, name.size() - b_end.size()) + a_end, name);
      else copy(name);
    }
    alphas_.tell_unused();
    ranks_.tell_unused();
    if (merge) merge_adapter(model_);
    return spec;
  }

 private:
  void need(const std::string& name, const std::string& partner) const {
    if (!file_.has(name)) refuse(file_.path(), "holds " + partner + " but not " + name, "Write the adapter again.");
  }

  void attach(const AdapterSpec& spec, const std::string& a_name, const std::string& b_name, const std::string& end) {
    need(b_name, a_name);
    const auto module = model_name(file_.path(), a_name, end);
    const auto modules = model_->named_modules("", /*include_self=*/false);
    const auto* found = modules.find(module);
    const auto linear = found == nullptr ? nullptr : std::dynamic_pointer_cast<LinearImpl>(*found);
    if (!linear && model_->is_dead(module)) return;  // plain suffixes match the tower too
    if (!linear) {
      refuse(file_.path(), "has an adapter for '" + module + "', which is not a linear layer of the model",
             "Check that the adapter was trained on this base model.");
    }
    const auto device = linear->weight.device();
    const auto A = file_.tensor(a_name).to(device, torch::kFloat32, false, /*copy=*/true);
    const auto B = file_.tensor(b_name).to(device, torch::kFloat32, false, /*copy=*/true);
    if (A.dim() != 2 || B.dim() != 2 || A.size(1) != linear->in_features() || B.size(0) != linear->out_features() ||
        A.size(0) != B.size(1)) {
      refuse(file_.path(), "has an adapter of the wrong shape for '" + module + "'",
             "Check that the adapter was trained on this base model.");
    }
    auto own = spec;
    own.r = A.size(0);
    const auto stored = a_name.substr(kPrefix.size(), a_name.size() - kPrefix.size() - end.size());
    own.alpha = alphas_.value(module, stored, spec.alpha);
    if (ranks_.value(module, stored, static_cast<double>(spec.r)) != static_cast<double>(own.r)) {
      refuse(file_.path(),
             "has rank " + std::to_string(own.r) + " for '" + module + "', adapter_config.json another one",
             "Put the configuration and the weights of one adapter together.");
    }
    linear->attach_lora(A, B, own.scaling(), spec.dropout);
  }

  void copy(const std::string& stored) {
    torch::NoGradGuard no_grad;
    const auto name = model_name(file_.path(), stored, "");
    auto parameters = model_->named_parameters();
    auto* target = parameters.find(name);
    if (target == nullptr) {
      refuse(file_.path(), "holds '" + stored + "', which is not a parameter of the model",
             "Only LoRA on linear layers and modules_to_save are supported (no DoRA, no biases).");
    }
    const auto value = file_.tensor(stored);
    if (value.sizes() != target->sizes()) {
      refuse(file_.path(), "has the wrong shape for '" + name + "'",
             "Check that the adapter was trained on this base model.");
    }
    target->copy_(value);
  }

  std::filesystem::path config_file_;
  json tree_;
  WeightFiles file_;
  ModulePatterns alphas_, ranks_;
  Vlm model_;
};

}  // namespace

AdapterSpec load_adapter(const std::filesystem::path& folder, Vlm model, bool merge) {
  return AdapterReader(folder, model).load(merge);
}

}  // namespace scalselect::vlm
