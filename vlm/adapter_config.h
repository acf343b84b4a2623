// adapter_config.json of a PEFT folder: what it says of a LoRA adapter, and what it leaves out.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vlm/adapter.h"
#include "vlm/module_pattern.h"

namespace scalselect::vlm {

/// PEFT's alpha_pattern or rank_pattern: the first key in the file that matches the end of a module's name wins. A key
/// may be meant for the names under which the weights are stored, those of an older transformers.
class ModulePatterns {
 public:
  /// `tree`: the file's content; `which`: the member. Throws UserError(kInput) for a value that is no number,
  /// UserError(kUsage) for a key that is no regular expression.
  ModulePatterns(const nlohmann::ordered_json& tree, const std::filesystem::path& file, const char* which);

  double value(const std::string& module, const std::string& stored, double otherwise);

  /// Warns of keys that were never used.
  void tell_unused() const;

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

class AdapterConfig {
 public:
  /// Throws UserError(kInput), naming file and key: not there, not LoRA, a wrong type, an option of PEFT that changes
  /// what the stored weights mean and is not supported (use_dora, PiSSA's initialisation, ...).
  explicit AdapterConfig(const std::filesystem::path& folder);

  const std::filesystem::path& file() const { return file_; }
  /// `exclude_pattern` stands for PEFT's list, too.
  const AdapterSpec& spec() const { return spec_; }

  /// Whether PEFT gives the module a branch (tuners_utils.check_target_module_exists: exclude_modules, target_modules,
  /// layers_to_transform, layers_pattern). Weights that are stored for any other module PEFT does not use. `stored`:
  /// the module's name in the weights' file, without "base_model.model."; patterns may be meant for either name. True
  /// for every name not excluded if target_modules is absent or "all-linear".
  bool targets(const std::string& module, const std::string& stored) const;

  ModulePatterns alphas, ranks;

 private:
  AdapterConfig(std::filesystem::path file, const nlohmann::ordered_json& tree);

  bool is_target(const std::string& name) const;
  bool in_layers(const std::string& name) const;

  std::filesystem::path file_;
  AdapterSpec spec_;
  bool everything_ = false;  ///< no list and no pattern of targets
  std::vector<std::int64_t> layers_;
  std::vector<ModulePattern> before_layer_;  ///< of the name up to the layer's number; empty: any
  std::optional<ModulePattern> target_, exclude_;
};

}  // namespace scalselect::vlm
