#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "vlm/adapter.h"
#include "vlm/checkpoint.h"
#include "vlm/pattern.h"
#include "vlm/safetensors.h"

namespace scalselect::vlm {
namespace {

using nlohmann::json;

const std::string kPrefix = "base_model.model.";

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& problem, const std::string& remedy) {
  throw UserError(ErrorKind::kInput, file.string() + " " + problem, remedy);
}

json read_config(const std::filesystem::path& file) {
  const auto tree = json::parse(read_file(file, kConfigBytes), nullptr, /*allow_exceptions=*/false);
  if (!tree.is_object()) refuse(file, "is not a JSON object", "Give a folder that PEFT's save_pretrained wrote.");
  if (tree.value("peft_type", "") != "LORA") refuse(file, "is not a LoRA adapter", "Only peft_type LORA is supported.");
  if (tree.value("use_dora", false)) refuse(file, "uses DoRA", "Merge the adapter with PEFT first.");
  return tree;
}

template <class T>
T get(const json& tree, const std::filesystem::path& file, const char* key, T otherwise) {
  const auto found = tree.find(key);
  if (found == tree.end() || found->is_null()) return otherwise;
  try {
    return found->get<T>();
  } catch (const json::exception&) {
    refuse(file, std::string("has a wrong type for '") + key + "'", "Write the adapter anew with PEFT.");
  }
}

AdapterSpec parse(const json& tree, const std::filesystem::path& file) {
  AdapterSpec spec;
  spec.r = get<std::int64_t>(tree, file, "r", 8);
  spec.alpha = get<double>(tree, file, "lora_alpha", 8);
  spec.dropout = get<double>(tree, file, "lora_dropout", 0);
  spec.use_rslora = get<bool>(tree, file, "use_rslora", false);
  spec.base_model = get<std::string>(tree, file, "base_model_name_or_path", "");
  spec.modules_to_save = get<std::vector<std::string>>(tree, file, "modules_to_save", {});
  const auto targets = tree.value("target_modules", json());
  if (targets.is_string()) spec.target_pattern = targets.get<std::string>();
  else spec.target_modules = get<std::vector<std::string>>(tree, file, "target_modules", {});
  const auto excluded = tree.value("exclude_modules", json());
  spec.exclude_pattern = excluded.is_string() ? excluded.get<std::string>() : "";
  return spec;
}

/// PEFT's alpha_pattern and rank_pattern: the first key that matches the end of a module's name wins.
double by_pattern(const json& tree, const char* which, const std::string& module, double otherwise) {
  const auto patterns = tree.value(which, json::object());
  if (!patterns.is_object()) return otherwise;
  for (const auto& item : patterns.items()) {
    if (Pattern("(.*\\.)?(" + item.key() + ")").matches_all(module)) return item.value().get<double>();
  }
  return otherwise;
}

/// The stored name without PEFT's prefix, in the newest transformers' layout.
std::string model_name(const std::filesystem::path& file, const std::string& stored, const std::string& ending) {
  if (!stored.starts_with(kPrefix)) {
    refuse(file, "holds '" + stored + "', which does not begin with " + kPrefix, "Write the adapter anew with PEFT.");
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
        tree_(read_config(config_file_)),
        file_(folder / "adapter_model.safetensors"),
        model_(model) {}

  AdapterSpec load(bool merge) {
    const auto spec = parse(tree_, config_file_);
    const std::string a_end = ".lora_A.weight", b_end = ".lora_B.weight";
    for (const auto& name : file_.names()) {
      if (name.ends_with(a_end)) attach(spec, name, name.substr(0, name.size() - a_end.size()) + b_end, a_end);
      else if (name.ends_with(b_end)) need(name.substr(0, name.size() - b_end.size()) + a_end, name);
      else copy(name);
    }
    if (merge) merge_adapter(model_);
    return spec;
  }

 private:
  void need(const std::string& name, const std::string& partner) const {
    if (!file_.has(name)) refuse(file_.path(), "holds " + partner + " but not " + name, "Write the adapter anew.");
  }

  void attach(const AdapterSpec& spec, const std::string& a_name, const std::string& b_name, const std::string& end) {
    need(b_name, a_name);
    const auto module = model_name(file_.path(), a_name, end);
    const auto modules = model_->named_modules("", /*include_self=*/false);
    const auto* found = modules.find(module);
    const auto linear = found == nullptr ? nullptr : std::dynamic_pointer_cast<LinearImpl>(*found);
    if (!linear && model_->is_dead(module)) return;  // plain suffixes match the tower too
    if (!linear) {
      refuse(file_.path(), "has an adapter for '" + module + "', which is no linear layer of the model",
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
    own.alpha = by_pattern(tree_, "alpha_pattern", module, spec.alpha);
    if (by_pattern(tree_, "rank_pattern", module, static_cast<double>(spec.r)) != static_cast<double>(own.r)) {
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
      refuse(file_.path(), "holds '" + stored + "', which is no parameter of the model",
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
  SafetensorsFile file_;
  Vlm model_;
};

}  // namespace

AdapterSpec load_adapter(const std::filesystem::path& folder, Vlm model, bool merge) {
  return AdapterReader(folder, model).load(merge);
}

}  // namespace scalselect::vlm
