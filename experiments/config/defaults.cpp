#include "experiments/config/defaults.h"

#include <algorithm>
#include <memory>
#include <set>

#include "experiments/config/group_choices.h"
#include "experiments/config/refuse.h"

namespace scalselect::config {
namespace {

constexpr std::size_t kMaxEntries = 10000;  // of all defaults lists together

struct Node;
using Nodes = std::vector<std::unique_ptr<Node>>;

struct Node {
  DefaultElement element;
  Node* parent = nullptr;
  std::size_t depth = 0;
  Nodes children;

  /// Not yet one of the children.
  std::unique_ptr<Node> make_child(DefaultElement child) {
    return std::make_unique<Node>(Node{std::move(child), this, depth + 1, {}});
  }
};

class Builder {
 public:
  Builder(Repository& repository, const std::string& config_name, const std::vector<Override>& overrides,
          bool skip_missing)
      : repository_(repository),
        config_name_(config_name),
        choices_(repository, repository.load(config_name).get(), overrides),
        skip_missing_(skip_missing) {}

  DefaultsResult run() {
    Node root;
    root.element.name = "<root>";
    auto hydra = root.make_child(DefaultElement::config("hydra/config"));
    auto primary = root.make_child(DefaultElement::config(config_name_));
    primary->element.primary = true;
    grow(*primary, /*is_root=*/true, false, false);
    grow(*hydra, false, false, false);
    root.children.push_back(std::move(hydra));
    root.children.push_back(std::move(primary));

    DefaultsResult result;
    for (const auto& child : root.children) flatten(*child, result.entries);
    choices_.check_used();
    for (const auto& child : root.children) order_choices(*child, result.choices);
    result.config_overrides = choices_.config_overrides();
    describe(root, result.tree);
    return result;
  }

 private:
  // ---- the tree ----

  void grow(Node& node, bool is_root, bool interpolated, bool from_append) {
    DefaultElement& element = node.element;
    if (++grown_ > kMaxEntries) {
      refuse("In '" + element.config_path() + "': the defaults lists come to more than " + std::to_string(kMaxEntries) +
             " entries.");
    }
    if (is_root && !repository_.load(element.config_path())) not_found(node);
    std::shared_ptr<const LoadedConfig> loaded;
    if (!element.is_missing() && !element.is_null()) {
      loaded = repository_.load(element.config_path());
      if (loaded && loaded->package_header) element.set_header(*loaded->package_header);
    }
    if (choices_.mark_deleted(element)) return;
    choices_.remember(element);
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
    if (node.depth > kMaxDepth) refuse("In '" + element.config_path() + "': the defaults list includes itself.");
    grow_children(node, *loaded, is_root, interpolated, from_append);
  }

  void grow_children(Node& node, const LoadedConfig& loaded, bool is_root, bool interpolated, bool from_append) {
    const DefaultElement& parent = node.element;
    std::vector<DefaultElement> list = loaded.defaults;
    bool self_added = false;
    if (!list.empty() || (is_root && !choices_.appended().empty())) self_added = place_self(parent, list);
    if (is_root) {
      for (const auto& element : choices_.appended()) {
        list.push_back(element);
        list.back().external_append = true;
      }
    }
    choices_.register_overrides(parent, list, interpolated, from_append);

    // Later entries first: their overrides of groups must be known before earlier entries are looked at.
    Nodes children;
    for (auto it = list.rbegin(); it != list.rend(); ++it) {
      if (it->override && !it->is_self()) continue;
      expand(node, *it, children, interpolated, from_append || it->external_append);
    }
    resolve_deferred(node, list, self_added, children, from_append);
    std::reverse(children.begin(), children.end());
    node.children = std::move(children);
  }

  void expand(Node& node, DefaultElement element, Nodes& children, bool interpolated, bool from_append) {
    const DefaultElement& parent = node.element;
    const auto add = [&](DefaultElement child) {
      return children.emplace_back(node.make_child(std::move(child))).get();
    };
    if (element.is_self()) {
      add(std::move(element));
      return;
    }
    element.set_parent(parent.group_path(), parent.final_package());
    if (element.is_group) choices_.apply(element);
    if (element.is_group && element.options) {
      for (auto option = element.options->rbegin(); option != element.options->rend(); ++option) {
        if (option->find("${") != std::string::npos) {
          refuse("In '" + parent.config_path() +
                 "': Defaults List interpolation is not supported in options list items");
        }
        DefaultElement single = DefaultElement::config(element.name + "/" + *option, element.package);
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
  void resolve_deferred(Node& node, const std::vector<DefaultElement>& list, bool self_added, Nodes& children,
                        bool from_append) {
    for (auto& child : children) {
      if (child->element.is_self() || !child->element.is_interpolation()) continue;
      DefaultElement& element = child->element;
      if (element.is_group) {
        element.option = choices_.resolve(*element.option, list, self_added);
      } else {
        element.name = choices_.resolve(element.config_path(), list, self_added);
      }
      element.set_parent(node.element.group_path(), node.element.final_package());
      grow(*child, false, true, from_append);
    }
  }

  bool place_self(const DefaultElement& parent, std::vector<DefaultElement>& list) const {
    std::size_t count = 0;
    bool has_default = false;
    for (const auto& element : list) {
      has_default |= !(element.is_group && element.override);
      count += element.is_self();
    }
    if (count > 1) refuse("Duplicate _self_ defined in " + parent.config_path());
    if (count == 0 && (has_default || list.empty())) list.push_back(DefaultElement::config("_self_"));
    return count == 0;
  }

  // ---- the list ----

  void flatten(const Node& node, std::vector<DefaultsEntry>& out) {
    if (!node.children.empty()) {
      for (const auto& child : node.children) flatten(*child, out);
      return;
    }
    const DefaultElement& element = node.element;
    if (element.deleted || element.is_missing() || element.is_null()) return;
    const bool self = element.is_self();
    if (!self && element.is_group && !listed_.insert(element.override_key()).second) {
      refuse(element.override_key() + " appears more than once in the final defaults list");
    }
    const Node& file = self ? *node.parent : node;
    const std::string parent = file.parent ? file.parent->element.config_path() : "";
    out.push_back({file.element.config_path(), file.element.final_package(), parent, self, file.element.primary});
  }

  /// Choices in the order of the tree (they were met from the last one to the first).
  void order_choices(const Node& node, std::vector<std::pair<std::string, std::string>>& out) const {
    if (node.element.is_group) {
      if (const auto option = choices_.known(node.element.override_key())) {
        out.emplace_back(node.element.override_key(), *option);
      }
    }
    for (const auto& child : node.children) order_choices(*child, out);
  }

  // ---- refusals ----

  [[noreturn]] void must_choose(const DefaultElement& element) const {
    if (!element.is_group) refuse("Missing ConfigDefault is not supported : " + element.config_path());
    const std::string key = element.override_key();
    refuse("You must specify '" + key + "', e.g, " + key + "=<OPTION>\nAvailable options:\n\t" +
           join_names(repository_.options(element.group_path()), "\n\t"));
  }

  /// " Did you mean 'random'?", "… 'experiment=mini/demo'?" or "… 'pool=file pool.path=p.json'?"
  std::string option_hint(const DefaultElement& element) const {
    const std::string requested = element.option.value_or(""), group = element.group_path();
    std::string hint = did_you_mean(requested, repository_.options(group));
    for (const auto& name : repository_.options_below(group)) {
      if (hint.empty() && name.ends_with("/" + requested)) hint = " Did you mean '" + group + "=" + name + "'?";
    }
    for (const auto& name : repository_.options(group)) {
      if (!hint.empty()) break;
      const auto loaded = repository_.load(group + "/" + name);
      const Value* path = loaded && loaded->content.is_map() ? loaded->content.find("path") : nullptr;
      if (path && (path->is_missing() || path->is_null()))
        hint = " Did you mean '" + group + "=" + name + " " + group + ".path=" + requested + "'?";
    }
    return hint;
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
        const auto options = repository_.options_below(element.group_path());
        message = "Could not find '" + element.config_path() + "'." + option_hint(element) + "\n";
        if (!options.empty()) {
          message += "\nAvailable options in '" + element.group_path() + "':\n\t" + join_names(options, "\n\t");
        }
      } else {
        message = "Could not load '" + element.config_path() + "'.\n";
      }
      if (node.parent) message = "In '" + node.parent->element.config_path() + "': " + message;
    }
    refuse(message + "\nConfig search path:\n" + repository_.describe());
  }

  static void describe(const Node& node, std::string& out) {
    const DefaultElement& element = node.element;
    out += std::string(node.depth * 2, ' ');
    if (!node.parent) out += element.name;
    else if (element.is_self()) out += "_self_";
    else if (element.is_group) out += element.override_key() + ": " + element.choice_text();
    else out += element.config_path();
    out += node.children.empty() ? "\n" : ":\n";
    for (const auto& child : node.children) describe(*child, out);
  }

  Repository& repository_;
  const std::string& config_name_;
  GroupChoices choices_;
  bool skip_missing_;
  std::size_t grown_ = 0;
  std::set<std::string> listed_;
};

}  // namespace

DefaultsResult make_defaults(Repository& repository, const std::string& config_name,
                             const std::vector<Override>& overrides, bool skip_missing) {
  return Builder(repository, config_name, overrides, skip_missing).run();
}

}  // namespace scalselect::config
