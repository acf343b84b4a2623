#include "experiments/config/group_choices.h"

#include <algorithm>

#include "experiments/config/refuse.h"
#include "experiments/config/resolve.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

/// As Hydra's messages print a choice.
std::string message_text(const DefaultElement& element) { return element.choice_text("None"); }

/// Whether `override` can only mean a value of the primary file, whatever folders there are.
bool sets_own_value(const Repository& repository, const LoadedConfig* primary, const Override& override) {
  if (primary == nullptr || override.package || !primary->content.is_map()) return false;
  const Value* own = primary->content.find(override.key);
  if (own == nullptr || own->is_map()) return false;
  const auto names_option = [&](const Value& value) {
    return value.is_string() && repository.option_exists(override.key, value.as_string());
  };
  const Value& value = override.value;
  if (!value.is_list()) return !names_option(value);
  return std::none_of(value.items().begin(), value.items().end(), names_option);
}

}  // namespace

GroupChoices::GroupChoices(const Repository& repository, const LoadedConfig* primary,
                           const std::vector<Override>& overrides) {
  for (const auto& override : overrides) {
    if (!override.is_sweep()) sort_override(repository, primary, override);
  }
}

void GroupChoices::sort_override(const Repository& repository, const LoadedConfig* primary, const Override& override) {
  const Value& value = override.value;
  if (value.is_map() || !repository.group_exists(override.key) || sets_own_value(repository, primary, override)) {
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
  DefaultElement element = DefaultElement::group(override.key, override.package);
  if (value.is_string()) {
    element.option = value.as_string();
  } else {
    element.options.emplace();
    for (const auto& item : value.items()) {
      if (!item.is_string()) refuse("Config group override must list strings: '" + override.text + "'");
      element.options->push_back(item.as_string());
    }
  }
  if (override.type == OverrideType::kAdd) {
    if (element.name.empty()) refuse("A group to append needs a name: '" + override.text + "'");
    appended_.push_back(std::move(element));
    return;
  }
  const Choice choice{element.option, element.options, true, false, false, ""};
  if (Choice* earlier = find(override.full_key())) *earlier = choice;
  else choices_.emplace_back(override.full_key(), choice);
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
    const Choice choice{element.option, element.options, false, from_append, false, parent.config_path()};
    Choice* earlier = find(key);
    // The last in depth-first order wins: what the command line appended comes after the primary file.
    if (!earlier) choices_.emplace_back(key, choice);
    else if (!earlier->external && !earlier->from_append && from_append) *earlier = choice;
  }
}

GroupChoices::Choice* GroupChoices::find(const std::string& key) {
  const auto found = std::find_if(choices_.begin(), choices_.end(), [&](const auto& c) { return c.first == key; });
  return found == choices_.end() ? nullptr : &found->second;
}

void GroupChoices::apply(DefaultElement& element) {
  Choice* choice = find(element.override_key());
  if (!choice) return;
  element.option = choice->option;
  element.options = choice->options;
  choice->used = true;
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
  const Value option = element.option ? Value::string(*element.option) : Value();
  const Value* earlier = known_.find(key);
  if (earlier && !(*earlier == option)) {
    refuse("Multiple values for " + key + ". To override a value use 'override " + key + ": " + python_str(*earlier) +
           "'");
  }
  known_.set(key, option);
  keys_of_group_[element.group_path()].insert(key);
}

std::string GroupChoices::resolve(const std::string& text, const std::vector<DefaultElement>& list,
                                  bool self_added) const {
  Value known = known_;
  Value defaults = Value::list();
  for (const auto& d : list) {
    if (self_added && d.is_self()) continue;
    defaults.items().push_back(Value::string(d.is_group ? d.choice_text() : d.config_path()));
  }
  known.set("defaults", std::move(defaults));
  known.set("_dummy_", Value::string(text));
  try {
    const auto result = resolve_path(known, "_dummy_");
    if (result && result->is_string()) return result->as_string();
  } catch (const UserError&) {
    // Said below, with the keys that could be used.
  }
  std::vector<std::string> keys;
  for (const auto& [key, option] : known_.entries()) keys.push_back(key.as_string());
  refuse("Error resolving interpolation '" + text + "', possible interpolation keys: " + join_names(keys, ", "));
}

void GroupChoices::check_used() const {
  for (const auto& [key, choice] : choices_) {
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
    message += keys.size() > 1 ? "\nDid you mean to override one of " + join_names(keys, ", ") + "?"
                               : "\nDid you mean to override " + keys[0] + "?";
  }
  if (!choice.file.empty()) message = "In '" + choice.file + "': " + message;
  if (choice.external) {
    const std::string option =
        choice.options ? "[" + join_names(*choice.options, ",") + "]" : choice.option.value_or("null");
    message += "\nTo append to your default list use +" + key + "=" + option;
  }
  refuse(message);
}

std::optional<std::string> GroupChoices::known(const std::string& key) const {
  const Value* option = known_.find(key);
  if (!option) return std::nullopt;
  return option->is_null() ? "null" : option->as_string();
}

}  // namespace scalselect::config
