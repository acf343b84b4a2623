#include "experiments/config/group_choices.h"

#include <algorithm>

#include "experiments/config/refuse.h"
#include "experiments/config/resolve.h"

namespace scalselect::config {
namespace {

/// As Hydra's messages print a choice.
std::string message_text(const DefaultElement& element) { return element.is_null() ? "None" : choice_text(element); }

}  // namespace

std::string join_names(const std::vector<std::string>& names, const std::string& before, const std::string& between) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : between) + before + name;
  return out;
}

std::string choice_text(const DefaultElement& element) {
  if (element.options) return join_names(*element.options, "", ",");
  return element.option.value_or("null");
}

GroupChoices::GroupChoices(const Repository& repository, const std::vector<Override>& overrides) {
  for (const auto& override : overrides) {
    if (!override.is_sweep()) sort_override(repository, override);
  }
}

void GroupChoices::sort_override(const Repository& repository, const Override& override) {
  const Value& value = override.value;
  if (value.is_map() || !repository.group_exists(override.key)) {
    config_overrides_.push_back(override);
    return;
  }
  if (override.type == OverrideType::kForceAdd) {
    refuse("force-add of config groups is not supported: '" + override.text + "'");
  }
  if (override.type != OverrideType::kDelete) return choose(override);
  if (override.has_value && !value.is_string() && !value.is_null()) {
    refuse("Config group override deletion value must be a string : " + override.text);
  }
  Deletion deletion;
  if (value.is_string()) deletion.option = value.as_string();
  deletions_[override.full_key()] = deletion;
}

void GroupChoices::choose(const Override& override) {
  const Value& value = override.value;
  if (!value.is_string() && !value.is_list()) {
    refuse("Config group override must be a string or a list. Got " + kind_name(value.kind()));
  }
  RawDefault raw;
  raw.is_group = true;
  raw.name = override.key;
  raw.package = override.package;
  if (value.is_string()) {
    raw.option = value.as_string();
  } else {
    raw.options.emplace();
    for (const auto& item : value.items()) {
      if (!item.is_string()) refuse("Config group override must list strings: '" + override.text + "'");
      raw.options->push_back(item.as_string());
    }
  }
  if (override.type == OverrideType::kAdd) {
    if (raw.name.empty()) refuse("A group to append needs a name: '" + override.text + "'");
    appended_.push_back(std::move(raw));
    return;
  }
  const std::string key = override.full_key();
  if (!choices_.count(key)) choice_order_.push_back(key);
  choices_[key] = {raw.option, raw.options, true, false, false, ""};
}

void GroupChoices::register_overrides(const DefaultElement& parent, std::vector<DefaultElement>& list,
                                      bool interpolated, bool from_append) {
  const DefaultElement* seen = nullptr;
  for (auto& element : list) {
    if (element.is_self()) continue;
    element.set_parent(parent.group_path(), parent.final_package());
    if (seen && !element.override && !element.external_append) {
      const std::string what = element.is_group ? element.override_key() : element.config_path();
      refuse("In " + parent.config_path() + ": Override '" + seen->override_key() + " : " + message_text(*seen) +
             "' is defined before '" + what + ": " + (element.is_group ? message_text(element) : element.base_name()) +
             "'.\nOverrides must be at the end of the defaults list");
    }
    if (!element.override) continue;
    seen = &element;
    if (interpolated) {
      refuse(parent.config_path() + ": Default List Overrides are not allowed in the subtree\nof an in interpolated " +
             "config group (override " + element.override_key() + "=" + message_text(element) + ").");
    }
    const std::string key = element.override_key();
    const auto found = choices_.find(key);
    // The last in depth-first order wins: what the command line appended comes after the primary file.
    const bool replaces =
        found != choices_.end() && !found->second.external && !found->second.from_append && from_append;
    if (found != choices_.end() && !replaces) continue;
    if (found == choices_.end()) choice_order_.push_back(key);
    choices_[key] = {element.option, element.options, false, from_append, false, parent.config_path()};
  }
}

void GroupChoices::apply(DefaultElement& element) {
  const auto found = choices_.find(element.override_key());
  if (found == choices_.end()) return;
  element.option = found->second.option;
  element.options = found->second.options;
  found->second.used = true;
}

bool GroupChoices::mark_deleted(DefaultElement& element) {
  if (!element.is_group) return false;
  const auto found = deletions_.find(element.override_key());
  if (found == deletions_.end()) return false;
  if (found->second.option && found->second.option != element.option) return false;
  element.deleted = found->second.used = true;
  return true;
}

void GroupChoices::remember(const DefaultElement& element) {
  if (!element.is_group) return;
  const std::string key = element.override_key();
  const auto [found, added] = known_.emplace(key, element.option);
  if (added) {
    known_order_.push_back(key);
  } else if (found->second != element.option) {
    refuse("Multiple values for " + key + ". To override a value use 'override " + key + ": " +
           found->second.value_or("None") + "'");
  }
  keys_of_group_[element.group_path()].insert(key);
}

std::string GroupChoices::resolve(const std::string& text, const DefaultElement& element,
                                  const std::vector<DefaultElement>& list, bool self_added) const {
  if (text.starts_with("${defaults.") && text.size() > 12 && text[12] == '.') {
    refuse("Defaults list element '" + element.override_key() + "=" + text +
           "' is using a deprecated interpolation form.");
  }
  Value known = Value::map();
  for (const auto& key : known_order_) known.set(key, known_.at(key) ? Value::string(*known_.at(key)) : Value());
  Value defaults = Value::list();
  for (const auto& d : list) {
    if (self_added && d.is_self()) continue;
    defaults.items().push_back(Value::string(d.is_group ? choice_text(d) : d.config_path()));
  }
  known.set("defaults", std::move(defaults));
  known.set("_dummy_", Value::string(text));
  try {
    const auto result = resolve_path(known, "_dummy_");
    if (result && result->is_string()) return result->as_string();
  } catch (const UserError&) {
    // told below, with the keys that could be used
  }
  refuse("Error resolving interpolation '" + text +
         "', possible interpolation keys: " + join_names(known_order_, "", ", "));
}

void GroupChoices::check_used() const {
  for (const auto& key : choice_order_) {
    const Choice& choice = choices_.at(key);
    if (!choice.used) refuse_unused(key, choice);
  }
  for (const auto& [key, deletion] : deletions_) {
    if (deletion.used) continue;
    refuse("Could not delete '" + key + (deletion.option ? "=" + *deletion.option : "") +
           "'. No match in the defaults list");
  }
}

void GroupChoices::refuse_unused(const std::string& key, const Choice& choice) const {
  const std::string group = key.substr(0, key.find('@'));
  std::string message = "Could not override '" + key + "'.";
  const auto found = keys_of_group_.find(group);
  if (found == keys_of_group_.end()) {
    message += " No match in the defaults list.";
  } else {
    const std::vector<std::string> keys(found->second.begin(), found->second.end());
    message += keys.size() > 1 ? "\nDid you mean to override one of " + join_names(keys, "", ", ") + "?"
                               : "\nDid you mean to override " + keys[0] + "?";
  }
  if (!choice.file.empty()) message = "In '" + choice.file + "': " + message;
  if (choice.external) {
    const std::string option =
        choice.options ? "[" + join_names(*choice.options, "", ",") + "]" : choice.option.value_or("null");
    message += "\nTo append to your default list use +" + key + "=" + option;
  }
  refuse(message);
}

std::optional<std::string> GroupChoices::known(const std::string& key) const {
  const auto found = known_.find(key);
  if (found == known_.end()) return std::nullopt;
  return found->second.value_or("null");
}

}  // namespace scalselect::config
