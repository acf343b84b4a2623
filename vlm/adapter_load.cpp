#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "vlm/adapter_config.h"
#include "vlm/checkpoint.h"
#include "vlm/weight_files.h"

namespace scalselect::vlm {
namespace {

const std::string kPrefix = "base_model.model.";

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& problem, const std::string& remedy) {
  throw UserError(ErrorKind::kInput, file.string() + " " + problem, remedy);
}

/// The weights of an adapter, safetensors before .bin as in PEFT.
std::filesystem::path weights_file(const std::filesystem::path& folder) {
  for (const char* name : {"adapter_model.safetensors", "adapter_model.bin"}) {
    if (std::filesystem::is_regular_file(folder / name)) return folder / name;
  }
  refuse(folder, "has neither adapter_model.safetensors nor adapter_model.bin" + weights_seen(folder),
         "Give a folder that PEFT's save_pretrained wrote.");
}

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
      : config_(folder), file_(weights_file(folder)), model_(model) {
    if (std::filesystem::exists(folder / "non_lora_trainables.bin")) {
      refuse(folder / "non_lora_trainables.bin", "holds LLaVA's weights that were trained in full, which are not read",
             "Merge the adapter with LLaVA's scripts/merge_lora_weights.py, and give the merged model in HF's layout.");
    }
  }

  AdapterSpec load(bool merge) {
    const std::string a_end = ".lora_A.weight", b_end = ".lora_B.weight";
    for (const auto& name : file_.names()) {
      if (name.ends_with(a_end)) attach(name, name.substr(0, name.size() - a_end.size()) + b_end, a_end);
      else if (name.ends_with(b_end)) need(name.substr(0, name.size() - b_end.size()) + a_end, name);
      else copy(name);
    }
    if (attached_ + untargeted_ + copied_ + dead_ == 0) {
      refuse(file_.path(), "holds no weights of an adapter", "Save the adapter again with PEFT's save_pretrained.");
    }
    tell_untargeted();
    tell_unmatched();
    config_.alphas.tell_unused();
    config_.ranks.tell_unused();
    if (merge) merge_adapter(model_);
    return config_.spec();
  }

 private:
  void need(const std::string& name, const std::string& partner) const {
    if (!file_.has(name)) refuse(file_.path(), "holds " + partner + " but not " + name, "Write the adapter again.");
  }

  void tell_untargeted() const {
    if (untargeted_ == 0) return;
    if (attached_ == 0) {
      refuse(config_.file(),
             fmt::format("targets none of the modules that its weights are for, such as '{}'", first_untargeted_),
             "Put the configuration and the weights of one adapter together.");
    }
    log_warning(
        "{}: {} of {} modules with LoRA weights are not among its targets, the first '{}'; as in PEFT, these weights "
        "are not used",
        config_.file().string(), untargeted_, untargeted_ + attached_, first_untargeted_);
  }

  /// What adapter_config.json names and the weights do not have.
  void tell_unmatched() const {
    const auto warn = [&](const std::vector<std::string>& entries, const char* key, const auto& matches) {
      for (const auto& entry : entries) {
        const bool found =
            std::any_of(seen_.begin(), seen_.end(), [&](const std::string& name) { return matches(name, entry); });
        if (!found) log_warning("{}: '{}' of {} matches no module with weights", config_.file().string(), entry, key);
      }
    };
    warn(config_.spec().target_modules, "target_modules", [](const std::string& name, const std::string& entry) {
      return name == entry || name.ends_with("." + entry);
    });
    warn(config_.spec().modules_to_save, "modules_to_save", [](const std::string& name, const std::string& entry) {
      return ("." + name + ".").find("." + entry + ".") != std::string::npos;
    });
  }

  void attach(const std::string& a_name, const std::string& b_name, const std::string& end) {
    need(b_name, a_name);
    const auto module = model_name(file_.path(), a_name, end);
    const auto stored = a_name.substr(kPrefix.size(), a_name.size() - kPrefix.size() - end.size());
    seen_.insert(seen_.end(), {module, stored});
    const auto modules = model_->named_modules("", /*include_self=*/false);
    const auto* found = modules.find(module);
    const auto linear = found == nullptr ? nullptr : std::dynamic_pointer_cast<LinearImpl>(*found);
    if (!linear && model_->is_dead(module)) {  // plain suffixes match the tower too
      ++dead_;
      return;
    }
    if (!config_.targets(module, stored)) {
      if (untargeted_++ == 0) first_untargeted_ = module;
      return;
    }
    if (!linear) {
      refuse(file_.path(), "has an adapter for '" + module + "', which is not a linear layer of the model",
             "Check that the adapter was trained on this base model.");
    }
    const auto device = linear->device();
    const auto A = file_.tensor(a_name).to(device, torch::kFloat32, false, /*copy=*/true);
    const auto B = file_.tensor(b_name).to(device, torch::kFloat32, false, /*copy=*/true);
    if (A.dim() != 2 || B.dim() != 2 || A.size(1) != linear->in_features() || B.size(0) != linear->out_features() ||
        A.size(0) != B.size(1)) {
      refuse(file_.path(), "has an adapter of the wrong shape for '" + module + "'",
             "Check that the adapter was trained on this base model.");
    }
    auto own = config_.spec();
    own.r = A.size(0);
    own.alpha = config_.alphas.value(module, stored, own.alpha);
    if (config_.ranks.value(module, stored, static_cast<double>(config_.spec().r)) != static_cast<double>(own.r)) {
      refuse(file_.path(),
             "has rank " + std::to_string(own.r) + " for '" + module + "', adapter_config.json another one",
             "Put the configuration and the weights of one adapter together.");
    }
    linear->attach_lora(A, B, own.scaling(), own.dropout);
    ++attached_;
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
    seen_.insert(seen_.end(), {name, stored.substr(std::min(kPrefix.size(), stored.size()))});
    const auto value = file_.tensor(stored);
    if (value.sizes() != target->sizes()) {
      refuse(file_.path(), "has the wrong shape for '" + name + "'",
             "Check that the adapter was trained on this base model.");
    }
    target->copy_(value);
    ++copied_;
  }

  AdapterConfig config_;
  WeightFiles file_;
  Vlm model_;
  std::int64_t attached_ = 0, untargeted_ = 0, copied_ = 0, dead_ = 0;
  std::string first_untargeted_;
  std::vector<std::string> seen_;  ///< modules and parameters with weights, by the model's name and as stored
};

}  // namespace

AdapterSpec load_adapter(const std::filesystem::path& folder, Vlm model, bool merge) {
  return AdapterReader(folder, model).load(merge);
}

}  // namespace scalselect::vlm
