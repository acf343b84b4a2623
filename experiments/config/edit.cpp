#include "experiments/config/edit.h"

#include "experiments/config/refuse.h"
#include "experiments/config/resolver.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

/// A closed map has no such key.
class UnknownKey : public UserError {
 public:
  UnknownKey(const std::string& key, const std::string& full)
      : UserError(ErrorKind::kUsage, "Key '" + key + "' is not in struct\n    full_key: " + full) {}
};

struct Merge {
  const Value& root;
  bool closed;
};

/// The container that an interpolation stands for, if it stands for one by now.
std::optional<Value> container_behind(const Value& root, const Value& node, const std::string& path) {
  static const ResolveContext context;
  Chain chain;
  const Value* at = &root;
  auto steps = split_path(path);
  for (const auto& step : steps) {
    chain.push_back(at);
    at = at->is_list() ? find_item(*at, step) : at->find(step);
    if (!at) break;
  }
  if (chain.size() != steps.size()) return std::nullopt;
  try {
    const Found found = Resolver(root, context).dereference(node, chain);
    if (found.node->is_container() && !found.literal) return *found.node;
  } catch (const UserError&) {
    // Not resolvable yet: the merge goes on as for any other text.
  }
  return std::nullopt;
}

void merge_map(Value& dest, const Value& source, const std::string& path, const Merge& merge) {
  for (const auto& [key, from] : source.entries()) {
    const std::string full = join_path(path, python_str(key));
    Value* into = dest.find(key);
    if (!into) {
      if (merge.closed) throw UnknownKey(python_str(key), full);
      dest.set(key, from);
      continue;
    }
    if (into->is_interpolation()) {
      if (auto target = container_behind(merge.root, *into, full)) *into = std::move(*target);
    }
    if (from.is_missing()) continue;
    if (into->is_container() && from.is_container()) {
      if (into->is_map() != from.is_map()) {
        refuse("Cannot merge DictConfig with ListConfig\n    full_key: " + full);
      }
      if (into->is_map()) {
        merge_map(*into, from, full, merge);
        continue;
      }
    }
    *into = from;
  }
}

// ---- overrides ----

std::optional<Value> selected(const Value& root, const std::string& key) {
  static const ResolveContext context;
  Resolver resolver(root, context);
  auto found = resolver.select(key, {&root}, false);
  if (!found || found->node->is_missing() || found->node->is_null()) return std::nullopt;
  return *found->node;
}

/// The child `step` of a container; a map that lacks it gets one if `create`.
Value& child(Value& container, const std::string& step, bool create, const std::string& full) {
  if (container.is_list()) {
    if (const Value* item = find_item(container, step)) return const_cast<Value&>(*item);
    const bool number = !step.empty() && step.find_first_not_of("0123456789") == std::string::npos;
    refuse((number ? "list index out of range" : "Index '" + step + "' (str) is not an int") +
           "\n    full_key: " + full);
  }
  if (Value* found = container.find(step)) return *found;
  if (!create) throw UnknownKey(step, full);
  return container.set(step, Value());
}

/// OmegaConf.update: walks to the parent (turning scalars on the way into maps), then merges or sets.
void update(Value& root, const std::string& key, const Value& value, bool force) {
  const auto steps = split_path(key);
  Value* node = &root;
  std::string full;
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    full = join_path(full, steps[i]);
    node = &child(*node, steps[i], force, full);
    if (!node->is_container()) {
      Value map = Value::map();
      map.set_origin(value.origin());
      *node = std::move(map);
    }
  }
  full = join_path(full, steps.back());
  Value& target = child(*node, steps.back(), force, full);
  if (value.is_container() && target.is_container()) {
    if (value.is_map() != target.is_map()) refuse("Cannot merge DictConfig with ListConfig\n    full_key: " + full);
    if (value.is_map()) {
      merge_map(target, value, full, Merge{root, !force});
      return;
    }
  }
  target = value;
}

void check_texts(const Value& value) {
  for_each_node(value, [](const std::string&, const Value& node) {
    if (node.is_interpolation()) check_interpolation(node.as_string());
    if (node.is_map() && node.find(Value())) refuse("Incompatible key type 'NoneType'");
  });
}

void remove(Value& root, const Override& override) {
  const std::string& key = override.key;
  const auto current = selected(root, key);
  if (!current) refuse("Could not delete from config. '" + key + "' does not exist.");
  const Value& expected = override.value;
  const auto whole = expected.is_container() ? resolve_path(root, key) : current;
  if (override.has_value && !expected.is_null() && !(whole && *whole == expected)) {
    refuse("Could not delete from config. The value of '" + key + "' is " + python_str(*current) + " and not " +
           python_str(expected) + ".");
  }
  const auto dot = key.rfind('.');
  Value* parent = dot == std::string::npos ? &root : find_path(root, key.substr(0, dot));
  const std::string leaf = dot == std::string::npos ? key : key.substr(dot + 1);
  if (!parent || !parent->is_map() || !parent->erase(leaf)) {
    refuse("Could not delete from config. '" + key + "' is not an entry of a dict.");
  }
}

void append(Value& root, const Override& override) {
  const Value& value = override.value;
  if (!value.is_container() && selected(root, override.key)) {
    refuse("Could not append to config. An item is already at '" + override.key + "'.\nEither remove + prefix: '" +
           override.text.substr(1) + "'\nOr add a second + to add or override '" + override.key + "': '+" +
           override.text + "'");
  }
  update(root, override.key, value, true);
}

}  // namespace

void merge_into(Value& root, const Value& source) {
  if (!source.is_map()) refuse("Cannot merge DictConfig with ListConfig");
  merge_map(root, source, "", Merge{root, false});
}

Value under_package(Value value, const std::string& package) {
  if (package.empty()) return value;
  const auto steps = split_path(package);
  if (steps.size() > kMaxDepth) refuse("A package has at most " + std::to_string(kMaxDepth) + " steps");
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    Value map = Value::map();
    map.set_origin(value.origin());
    map.set(*step, std::move(value));
    value = std::move(map);
  }
  return value;
}

void apply_override(Value& root, const Override& override,
                    const std::function<std::string(const std::string& key)>& unknown_key_hint) {
  if (override.package) {
    refuse("Override " + override.text + " looks like a config group override, but config group '" + override.key +
           "' does not exist.");
  }
  if (override.type == OverrideType::kDelete) return remove(root, override);
  try {
    check_texts(override.value);
    switch (override.type) {
      case OverrideType::kAdd: append(root, override); break;
      case OverrideType::kForceAdd: update(root, override.key, override.value, true); break;
      default: update(root, override.key, override.value, false); break;
    }
  } catch (const UnknownKey& unknown) {
    const std::string hint = unknown_key_hint ? unknown_key_hint(override.key) : std::string();
    refuse("Could not override '" + override.key + "'." + (hint.empty() ? "" : hint) +
           "\nTo append to your config use +" + override.text + "\n" + unknown.problem());
  } catch (const UserError& error) {
    if (error.problem().starts_with("Could not append")) throw;
    refuse("Error merging override " + override.text + "\n" + error.problem());
  }
}

}  // namespace scalselect::config
