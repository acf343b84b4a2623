#include "experiments/config/defaults.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "core/error.h"
#include "experiments/config/default_element.h"

namespace scalselect::config {
namespace {

[[noreturn]] void fail(const std::string& problem) { throw UserError(ErrorKind::kUsage, problem); }

std::string join_names(const std::vector<std::string>& names, const std::string& before, const std::string& between) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : between) + before + name;
  return out;
}

/// Text of a group's choice: an option, several, or null.
std::string choice_text(const DefaultElement& element) {
  if (element.options) return join_names(*element.options, "", ",");
  return element.option.value_or("null");
}

struct Node {
  DefaultElement element;
  Node* parent = nullptr;
  std::vector<std::unique_ptr<Node>> children;
};

/// A choice that overrides a group: from the command line, or from an `override` entry of a file.
struct Choice {
  std::optional<std::string> option;
  std::optional<std::vector<std::string>> options;
  bool external = false;
  bool from_append = false;  ///< written in a config that the command line appended
  bool used = false;
  std::string file;
};

class Builder {
 public:
  Builder(Repository& repository, const std::vector<Override>& overrides, bool skip_missing)
      : repository_(repository), skip_missing_(skip_missing) {
    for (const auto& override : overrides) {
      if (!override.is_sweep()) sort_override(override);
    }
  }

  DefaultsResult run(const std::string& config_name) {
    Node root;
    root.element.name = "<root>";
    auto hydra = std::make_unique<Node>();
    hydra->element = DefaultElement::config("hydra/config");
    hydra->parent = &root;
    std::unique_ptr<Node> primary;
    if (!config_name.empty()) {
      primary = std::make_unique<Node>();
      primary->element = DefaultElement::config(config_name);
      primary->element.primary = true;
      primary->parent = &root;
    } else {
      primary = std::make_unique<Node>();
      primary->element = DefaultElement::config("_dummy_empty_config_");
      primary->element.primary = true;
      primary->parent = &root;
    }
    grow(*primary, /*is_root=*/true, false, false);
    grow(*hydra, false, false, false);
    root.children.push_back(std::move(hydra));
    root.children.push_back(std::move(primary));

    DefaultsResult result;
    for (const auto& child : root.children) flatten(*child, result.entries);
    check_duplicates();
    check_used();
    for (const auto& key : known_order_) result.choices.emplace_back(key, known_[key]);
    result.config_overrides = std::move(config_overrides_);
    result.tree = describe(root);
    return result;
  }

 private:
  // ---- the command line ----

  void sort_override(const Override& override) {
    const Value& value = override.element.value;
    if (value.is_map() || !repository_.group_exists(override.key)) {
      config_overrides_.push_back(override);
      return;
    }
    if (override.type == OverrideType::kForceAdd) {
      fail("force-add of config groups is not supported: '" + override.text + "'");
    }
    if (override.type == OverrideType::kDelete) {
      if (override.has_value && !value.is_string() && !value.is_null()) {
        fail("Config group override deletion value must be a string : " + override.text);
      }
      Deletion deletion;
      if (value.is_string()) deletion.option = value.as_string();
      deletions_[override.full_key()] = deletion;
      return;
    }
    if (!value.is_string() && !value.is_list()) {
      fail("Config group override must be a string or a list. Got " + std::string(kind_name(value.kind())));
    }
    std::optional<std::string> option;
    std::optional<std::vector<std::string>> options;
    if (value.is_string()) {
      option = value.as_string();
    } else {
      options.emplace();
      for (const auto& item : value.items()) {
        if (!item.is_string()) fail("Config group override must list strings: '" + override.text + "'");
        options->push_back(item.as_string());
      }
    }
    if (override.type == OverrideType::kAdd) {
      RawDefault raw;
      raw.is_group = true;
      raw.name = override.key;
      raw.package = override.package;
      raw.option = option;
      raw.options = options;
      if (raw.name.empty()) fail("A group to append needs a name: '" + override.text + "'");
      appended_.push_back(raw);
      return;
    }
    choices_[override.full_key()] = {option, options, true, false, false, ""};
    if (std::find(choice_order_.begin(), choice_order_.end(), override.full_key()) == choice_order_.end()) {
      choice_order_.push_back(override.full_key());
    }
  }

  // ---- the tree ----

  void grow(Node& node, bool is_root, bool interpolated, bool from_append) {
    DefaultElement& element = node.element;
    if (is_root && element.name == "_dummy_empty_config_") {
      grow_children(node, LoadedConfig{}, is_root, interpolated, from_append);
      return;
    }
    if (is_root && !repository_.config_exists(element.config_path())) not_found(node);
    std::shared_ptr<const LoadedConfig> loaded;
    if (!element.is_missing() && !element.is_null()) {
      loaded = repository_.load(element.config_path());
      if (loaded && loaded->package_header) element.set_header(*loaded->package_header);
    }
    if (mark_deleted(element)) return;
    remember_choice(element);
    if (element.is_null()) return;
    if (element.is_missing()) {
      if (skip_missing_) return;
      must_choose(element);
    }
    if (!loaded) {
      if (!element.optional) not_found(node);
      element.deleted = true;
      return;
    }
    std::size_t depth = 0;
    for (const Node* above = node.parent; above; above = above->parent) ++depth;
    if (depth > 100) fail("In '" + element.config_path() + "': the defaults list includes itself.");
    grow_children(node, *loaded, is_root, interpolated, from_append);
  }

  void grow_children(Node& node, const LoadedConfig& loaded, bool is_root, bool interpolated, bool from_append) {
    const DefaultElement& parent = node.element;
    std::vector<DefaultElement> list;
    for (const auto& raw : loaded.defaults) list.push_back(DefaultElement::from(raw));
    bool self_added = false;
    if (!list.empty() || (is_root && !appended_.empty())) self_added = place_self(parent, list);
    if (is_root) {
      for (const auto& raw : appended_) {
        list.push_back(DefaultElement::from(raw));
        list.back().external_append = true;
      }
    }
    register_overrides(parent, list, interpolated, from_append);

    // Later entries first: their overrides of groups must be known before earlier entries are looked at.
    std::vector<std::unique_ptr<Node>> children;
    for (auto it = list.rbegin(); it != list.rend(); ++it) {
      if (it->override && !it->is_self()) continue;
      expand(node, *it, children, interpolated, from_append || it->external_append);
    }
    resolve_deferred(node, list, self_added, children, from_append);
    std::reverse(children.begin(), children.end());
    node.children = std::move(children);
  }

  void expand(Node& node, DefaultElement element, std::vector<std::unique_ptr<Node>>& children, bool interpolated,
              bool from_append) {
    const DefaultElement& parent = node.element;
    const auto add = [&](DefaultElement child) {
      children.push_back(std::make_unique<Node>());
      children.back()->element = std::move(child);
      children.back()->parent = &node;
      return children.back().get();
    };
    if (element.is_self()) {
      add(std::move(element));
      return;
    }
    element.set_parent(parent.group_path(), parent.final_package());
    if (element.is_group) take_choice(element);
    if (element.is_group && element.options) {
      for (auto option = element.options->rbegin(); option != element.options->rend(); ++option) {
        if (option->find("${") != std::string::npos) {
          fail("In '" + parent.config_path() + "': Defaults List interpolation is not supported in options list items");
        }
        DefaultElement single = DefaultElement::config(element.name + "/" + *option);
        single.package = element.package;
        single.optional = element.optional;
        single.set_parent(parent.group_path(), parent.final_package());
        grow(*add(std::move(single)), false, interpolated, from_append);
      }
      return;
    }
    const bool deferred = element.is_interpolation();
    Node* child = add(std::move(element));
    if (!deferred) grow(*child, false, interpolated, from_append);
  }

  /// `- group: ${a}_${b}`: the choices of the other groups are known only now.
  void resolve_deferred(Node& node, const std::vector<DefaultElement>& list, bool self_added,
                        std::vector<std::unique_ptr<Node>>& children, bool from_append) {
    for (auto& child : children) {
      if (child->element.is_self() || !child->element.is_interpolation()) continue;
      DefaultElement& element = child->element;
      if (element.is_group) {
        element.option = resolve_option(*element.option, element, list, self_added);
      } else {
        element.name = resolve_option(element.config_path(), element, list, self_added);
      }
      element.set_parent(node.element.group_path(), node.element.final_package());
      grow(*child, false, true, from_append);
    }
  }

  std::string resolve_option(const std::string& text, const DefaultElement& element,
                             const std::vector<DefaultElement>& list, bool self_added) {
    if (text.starts_with("${defaults.") && text.size() > 12 && text[12] == '.') {
      fail("Defaults list element '" + element.override_key() + "=" + text +
           "' is using a deprecated interpolation form.");
    }
    Value known = Value::map();
    for (const auto& key : known_order_) known.set(key, known_value(key));
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
    fail("Error resolving interpolation '" + text +
         "', possible interpolation keys: " + join_names(known_order_, "", ", "));
  }

  bool place_self(const DefaultElement& parent, std::vector<DefaultElement>& list) const {
    std::size_t count = 0;
    bool has_default = false;
    for (const auto& element : list) {
      has_default |= !(element.is_group && element.override);
      count += element.is_self();
    }
    if (count > 1) fail("Duplicate _self_ defined in " + parent.config_path());
    if (count == 0 && (has_default || list.empty())) list.push_back(DefaultElement::config("_self_"));
    return count == 0;
  }

  void register_overrides(const DefaultElement& parent, std::vector<DefaultElement>& list, bool interpolated,
                          bool from_append) {
    const DefaultElement* seen = nullptr;
    for (auto& element : list) {
      if (element.is_self()) continue;
      element.set_parent(parent.group_path(), parent.final_package());
      if (seen && !element.override && !element.external_append) {
        const std::string what = element.is_group ? element.override_key() : element.config_path();
        fail("In " + parent.config_path() + ": Override '" + seen->override_key() + " : " + choice_text(*seen) +
             "' is defined before '" + what + ": " + (element.is_group ? choice_text(element) : element.base_name()) +
             "'.\nOverrides must be at the end of the defaults list");
      }
      if (!element.override) continue;
      seen = &element;
      if (interpolated) {
        fail(parent.config_path() + ": Default List Overrides are not allowed in the subtree\nof an in interpolated " +
             "config group (override " + element.override_key() + "=" + choice_text(element) + ").");
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

  void take_choice(DefaultElement& element) {
    const auto found = choices_.find(element.override_key());
    if (found == choices_.end()) return;
    element.option = found->second.option;
    element.options = found->second.options;
    found->second.used = true;
  }

  bool mark_deleted(DefaultElement& element) {
    if (!element.is_group) return false;
    const auto found = deletions_.find(element.override_key());
    if (found == deletions_.end()) return false;
    if (found->second.option && found->second.option != element.option) return false;
    element.deleted = found->second.used = true;
    return true;
  }

  void remember_choice(const DefaultElement& element) {
    if (!element.is_group) return;
    const std::string key = element.override_key();
    const auto [found, added] = known_.emplace(key, choice_text(element));
    if (added) {
      known_order_.push_back(key);
      if (!element.option) known_null_.insert(key);
    } else if (found->second != choice_text(element)) {
      fail("Multiple values for " + key + ". To override a value use 'override " + key + ": " +
           (known_null_.count(key) ? "None" : found->second) + "'");
    }
    keys_of_group_[element.group_path()].insert(key);
  }

  Value known_value(const std::string& key) const {
    return known_null_.count(key) ? Value::null() : Value::string(known_.at(key));
  }

  // ---- the list ----

  void flatten(const Node& node, std::vector<DefaultsEntry>& out) {
    if (!node.children.empty()) {
      for (const auto& child : node.children) flatten(*child, out);
      return;
    }
    const DefaultElement& element = node.element;
    if (element.deleted || element.is_missing() || element.is_null()) return;
    const Node* parent = node.parent;
    DefaultsEntry entry;
    if (element.is_self()) {
      entry.is_self = true;
      entry.config_path = parent->element.config_path();
      if (parent->parent) entry.parent = parent->parent->element.config_path();
      entry.package = parent->element.final_package();
      entry.primary = parent->element.primary;
    } else {
      entry.config_path = element.config_path();
      if (parent) entry.parent = parent->element.config_path();
      entry.package = element.final_package();
      entry.primary = element.primary;
      if (element.is_group && !listed_.insert(element.override_key()).second && duplicate_.empty()) {
        duplicate_ = element.override_key();
      }
    }
    if (entry.config_path == "_dummy_empty_config_") return;
    out.push_back(std::move(entry));
  }

  void check_duplicates() const {
    if (!duplicate_.empty()) fail(duplicate_ + " appears more than once in the final defaults list");
  }

  void check_used() const {
    for (const auto& key : choice_order_) {
      const Choice& choice = choices_.at(key);
      if (!choice.used) unused_choice(key, choice);
    }
    for (const auto& [key, deletion] : deletions_) {
      if (deletion.used) continue;
      fail("Could not delete '" + key + (deletion.option ? "=" + *deletion.option : "") +
           "'. No match in the defaults list");
    }
  }

  [[noreturn]] void unused_choice(const std::string& key, const Choice& choice) const {
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
    fail(message);
  }

  // ---- refusals ----

  [[noreturn]] void must_choose(const DefaultElement& element) const {
    if (!element.is_group) fail("Missing ConfigDefault is not supported : " + element.config_path());
    const std::string key = element.override_key();
    fail("You must specify '" + key + "', e.g, " + key + "=<OPTION>\nAvailable options:\n" +
         join_names(repository_.options(element.group_path()), "\t", "\n"));
  }

  [[noreturn]] void not_found(const Node& node) const {
    const DefaultElement& element = node.element;
    std::string message;
    if (element.primary) {
      const std::string path = element.config_path();
      message = "Cannot find primary config '" + path + "'. Check that it's in your config search path." +
                did_you_mean(path, repository_.options("")) + "\n";
    } else {
      if (element.is_group) {
        const auto options = repository_.options(element.group_path());
        message = "Could not find '" + element.config_path() + "'" +
                  did_you_mean(element.option.value_or(""), options) + "\n";
        if (!options.empty()) {
          message += "\nAvailable options in '" + element.group_path() + "':\n" + join_names(options, "\t", "\n");
        }
      } else {
        message = "Could not load '" + element.config_path() + "'.\n";
      }
      if (node.parent) message = "In '" + node.parent->element.config_path() + "': " + message;
    }
    fail(message + "\nConfig search path:\n" + repository_.describe());
  }

  static DefaultsTree describe(const Node& node) {
    const DefaultElement& element = node.element;
    DefaultsTree tree;
    if (!node.parent) tree.label = "<root>";
    else if (element.is_self()) tree.label = "_self_";
    else if (element.is_group) tree.label = element.override_key() + ": " + choice_text(element);
    else tree.label = element.config_path();
    for (const auto& child : node.children) tree.children.push_back(describe(*child));
    return tree;
  }

  struct Deletion {
    std::optional<std::string> option;
    bool used = false;
  };

  Repository& repository_;
  bool skip_missing_;
  std::map<std::string, Choice> choices_;
  std::vector<std::string> choice_order_;
  std::map<std::string, Deletion> deletions_;
  std::vector<RawDefault> appended_;
  std::vector<Override> config_overrides_;
  std::map<std::string, std::string> known_;
  std::vector<std::string> known_order_;
  std::set<std::string> known_null_;
  std::map<std::string, std::set<std::string>> keys_of_group_;
  std::set<std::string> listed_;
  std::string duplicate_;
};

}  // namespace

DefaultsResult make_defaults(Repository& repository, const std::string& config_name,
                             const std::vector<Override>& overrides, bool skip_missing) {
  return Builder(repository, overrides, skip_missing).run(config_name);
}

}  // namespace scalselect::config
