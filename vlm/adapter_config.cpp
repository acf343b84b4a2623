#include "vlm/adapter_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "data/python_json.h"

namespace scalselect::vlm {
namespace {

using json = nlohmann::ordered_json;  // PEFT lets the first pattern in the file win

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

/// The expression of `key` compiled, or a refusal that names file and key.
ModulePattern pattern_of(const std::string& expression, const std::filesystem::path& file, const std::string& key) {
  try {
    return ModulePattern(expression);
  } catch (const UserError& error) {
    refuse(file, fmt::format("has in '{}' what is no pattern: {}", key, error.problem()), "Correct that entry.");
  }
}

/// A list, or one value in its place.
template <class T>
std::vector<T> get_list(const json& tree, const std::filesystem::path& file, const char* key) {
  const auto found = tree.find(key);
  if (found == tree.end() || found->is_null()) return {};
  const auto values = found->is_array() ? *found : json::array({*found});
  for (const auto& value : values) {
    const bool right = std::is_integral_v<T> ? value.is_number_integer() : value.is_string();
    if (!right) refuse(file, std::string("has a wrong type for '") + key + "'", "Write the adapter again with PEFT.");
  }
  return values.get<std::vector<T>>();
}

/// Options under which the stored pairs are not what is added to the base model's weights.
void refuse_unsupported(const json& tree, const std::filesystem::path& file) {
  const char* const merge = "Merge the adapter with PEFT first, and give the merged model.";
  for (const char* flag : {"use_dora", "use_qalora", "lora_bias"}) {
    if (get<bool>(tree, file, flag, false)) refuse(file, fmt::format("sets {}, which is not supported", flag), merge);
  }
  for (const char* key : {"alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication",
                          "monteclora_config", "target_parameters", "trainable_token_indices", "use_bdlora"}) {
    const auto found = tree.find(key);
    const bool set = found != tree.end() && !found->is_null() && *found != json(false) &&
                     !((found->is_array() || found->is_object()) && found->empty());
    if (set) refuse(file, fmt::format("sets {}, which is not supported", key), merge);
  }
  const auto found = tree.find("init_lora_weights");
  if (found == tree.end() || !found->is_string()) return;
  const auto& method = found->get_ref<const std::string&>();
  for (const char* changing : {"pissa", "corda", "olora", "loftq", "lora_ga"}) {
    if (!method.starts_with(changing)) continue;
    refuse(
        file,
        fmt::format("says that the adapter was begun with '{}', which also changes the base model's weights", method),
        "Save it with PEFT's path_initial_model_for_weight_conversion, or merge it with PEFT.");
  }
}

/// Warns of keys that PEFT's LoraConfig (0.21) does not have, as PEFT does.
void tell_unknown(const json& tree, const std::filesystem::path& file) {
  static const std::set<std::string_view> known = {"alora_invocation_tokens",
                                                   "alpha_pattern",
                                                   "arrow_config",
                                                   "auto_mapping",
                                                   "base_model_name_or_path",
                                                   "bias",
                                                   "corda_config",
                                                   "ensure_weight_tying",
                                                   "eva_config",
                                                   "exclude_modules",
                                                   "fan_in_fan_out",
                                                   "inference_mode",
                                                   "init_lora_weights",
                                                   "kasa_config",
                                                   "layer_replication",
                                                   "layers_pattern",
                                                   "layers_to_transform",
                                                   "loftq_config",
                                                   "lora_alpha",
                                                   "lora_bias",
                                                   "lora_dropout",
                                                   "lora_ga_config",
                                                   "megatron_config",
                                                   "megatron_core",
                                                   "modules_to_save",
                                                   "monteclora_config",
                                                   "peft_type",
                                                   "peft_version",
                                                   "qalora_group_size",
                                                   "r",
                                                   "rank_pattern",
                                                   "revision",
                                                   "runtime_config",
                                                   "target_modules",
                                                   "target_parameters",
                                                   "task_type",
                                                   "trainable_token_indices",
                                                   "use_bdlora",
                                                   "use_dora",
                                                   "use_qalora",
                                                   "use_rslora",
                                                   "velora_config"};
  std::string names;
  for (const auto& [key, value] : tree.items()) {
    if (!known.contains(key) && !value.is_null()) names += (names.empty() ? "'" : ", '") + key + "'";
  }
  if (names.empty()) return;
  log_warning("{}: {} is unknown, and is not used: perhaps a newer PEFT wrote it", file.string(), names);
}

json read_config(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) {
    const bool model = std::filesystem::exists(file.parent_path() / "config.json");
    refuse(file.parent_path(), std::string("has no adapter_config.json") + (model ? ": it holds a model" : ""),
           "Give a folder that PEFT's save_pretrained wrote.");
  }
  const StandardJson text(read_json_text(file));
  auto tree = json::parse(text.text, nullptr, false);
  if (!tree.is_object()) refuse(file, "is not a JSON object", "Give a folder that PEFT's save_pretrained wrote.");
  if (get<std::string>(tree, file, "peft_type", "") != "LORA") {
    refuse(file, "is not a LoRA adapter", "Only peft_type LORA is supported.");
  }
  for (const char* key : {"r", "lora_alpha", "lora_dropout"}) {  // NaN and Infinity are no default, as null is
    if (text.nulled && tree.contains(key) && tree[key].is_null())
      refuse(file, fmt::format("has no finite number for '{}'", key), "Correct that entry.");
  }
  refuse_unsupported(tree, file);
  tell_unknown(tree, file);
  return tree;
}

/// An expression that matches each of `names`, and every longer name that ends with "." and one of them.
std::string as_pattern(const std::vector<std::string>& names) {
  std::string pattern;
  for (const auto& name : names) {
    pattern += pattern.empty() ? "(.*\\.)?(" : "|";
    for (const char c : name) {
      if (c != '_' && std::isalnum(static_cast<unsigned char>(c)) == 0) pattern += '\\';
      pattern += c;
    }
  }
  return pattern.empty() ? pattern : pattern + ")";
}

/// PEFT takes any factor; one that undoes the adapter is told of.
void tell_alpha(const std::filesystem::path& file, const std::string& key, double alpha) {
  if (alpha > 0) return;
  log_warning("{}: {} is {}: the adapter {}", file.string(), key, alpha,
              alpha < 0 ? "is subtracted" : "changes nothing");
}

void check_numbers(const AdapterSpec& spec, const std::filesystem::path& file) {
  const char* const correct = "Correct that entry.";
  // Rank 0 is ours: modules trained in full and no branches (trainer.lora.r=0).
  if (spec.r < 0 || (spec.r == 0 && spec.modules_to_save.empty()))
    refuse(file, fmt::format("has {} for 'r', which must be at least 1", spec.r), correct);
  if (!(spec.dropout >= 0 && spec.dropout <= 1))
    refuse(file, fmt::format("has {} for 'lora_dropout', which is no share from 0 to 1", spec.dropout), correct);
  tell_alpha(file, "lora_alpha", spec.alpha);
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
  spec.exclude_pattern = excluded.is_string()
                             ? excluded.get<std::string>()
                             : as_pattern(get<std::vector<std::string>>(tree, file, "exclude_modules", {}));
  check_numbers(spec, file);
  return spec;
}

}  // namespace

ModulePatterns::ModulePatterns(const json& tree, const std::filesystem::path& file, const char* which)
    : file_(file), which_(which) {
  const auto patterns = get<json>(tree, file, which, json::object());
  if (!patterns.is_object()) {
    refuse(file, fmt::format("has a '{}' that is no object of numbers", which), "Write the adapter again with PEFT.");
  }
  for (const auto& [key, value] : patterns.items()) {
    if (!value.is_number()) refuse(file, fmt::format("has no number for '{}.{}'", which, key), "Correct that entry.");
    if (which == std::string_view("alpha_pattern")) tell_alpha(file, fmt::format("alpha_pattern.{}", key), value);
    entries_.push_back({key, pattern_of("(.*\\.)?(" + key + ")", file, which), value.template get<double>()});
  }
}

double ModulePatterns::value(const std::string& module, const std::string& stored, double otherwise) {
  for (auto& entry : entries_) {
    if (!entry.pattern.matches_all(module) && !entry.pattern.matches_all(stored)) continue;
    entry.used = true;
    return entry.value;
  }
  return otherwise;
}

void ModulePatterns::tell_unused() const {
  for (const auto& entry : entries_) {
    if (!entry.used) log_warning("{}: '{}' of {} matches no adapted module", file_.string(), entry.key, which_);
  }
}

AdapterConfig::AdapterConfig(const std::filesystem::path& folder)
    : AdapterConfig(folder / "adapter_config.json", read_config(folder / "adapter_config.json")) {}

AdapterConfig::AdapterConfig(std::filesystem::path file, const json& tree)
    : alphas(tree, file, "alpha_pattern"),
      ranks(tree, file, "rank_pattern"),
      file_(std::move(file)),
      spec_(parse(tree, file_)) {
  everything_ = (spec_.target_pattern.empty() && spec_.target_modules.empty()) || spec_.target_pattern == "all-linear";
  if (!everything_ && !spec_.target_pattern.empty())
    target_.emplace(pattern_of(spec_.target_pattern, file_, "target_modules"));
  if (!spec_.exclude_pattern.empty()) exclude_.emplace(pattern_of(spec_.exclude_pattern, file_, "exclude_modules"));
  layers_ = get_list<std::int64_t>(tree, file_, "layers_to_transform");
  for (const auto& pattern : get_list<std::string>(tree, file_, "layers_pattern")) {
    before_layer_.push_back(pattern_of("(.*\\.)?(" + pattern + ")", file_, "layers_pattern"));
  }
}

bool AdapterConfig::targets(const std::string& module, const std::string& stored) const {
  const auto excluded = [&](const std::string& name) { return exclude_ && exclude_->matches_all(name); };
  return !excluded(module) && !excluded(stored) && (is_target(module) || is_target(stored));
}

bool AdapterConfig::is_target(const std::string& name) const {
  if (everything_) return true;
  if (target_) return target_->matches_all(name);
  const auto listed = [&](const std::string& entry) { return name == entry || name.ends_with("." + entry); };
  const auto& entries = spec_.target_modules;
  if (std::find(entries.begin(), entries.end(), name) != entries.end()) return true;  // in any layer
  return std::any_of(entries.begin(), entries.end(), listed) && in_layers(name);
}

/// PEFT's regular expression finds the first number between two dots, behind two names or behind the pattern.
bool AdapterConfig::in_layers(const std::string& name) const {
  if (layers_.empty()) return true;
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    const auto end = name.find('.', dot + 1);
    if (end == std::string::npos) return false;
    const auto digits = name.substr(dot + 1, end - dot - 1);
    const bool number = !digits.empty() && digits.size() < 10 && digits.find_first_not_of("0123456789") == digits.npos;
    if (!number) continue;
    const auto before = name.substr(0, dot);
    const bool known = before_layer_.empty()
                           ? before.find('.') != std::string::npos
                           : std::any_of(before_layer_.begin(), before_layer_.end(),
                                         [&](const ModulePattern& pattern) { return pattern.matches_all(before); });
    if (known) return std::find(layers_.begin(), layers_.end(), std::stoll(digits)) != layers_.end();
  }
  return false;
}

}  // namespace scalselect::vlm
