#include "experiments/config/resolve.h"

#include <algorithm>

#include "experiments/config/refuse.h"
#include "experiments/config/resolver.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

/// Removes the entry when the scope ends.
template <class T>
class Pushed {
 public:
  Pushed(std::vector<T>& stack, T entry) : stack_(stack) { stack_.push_back(std::move(entry)); }
  ~Pushed() { stack_.pop_back(); }
  Pushed(const Pushed&) = delete;
  Pushed& operator=(const Pushed&) = delete;

 private:
  std::vector<T>& stack_;
};

bool holds(const std::vector<const Value*>& stack, const Value* node) {
  return std::find(stack.begin(), stack.end(), node) != stack.end();
}

/// The tree with the `hydra` node beside the job's keys, so that `${hydra.job.name}` finds it.
Value with_hydra(const Value& root, const ResolveContext& context) {
  Value full = root;
  if (full.is_map() && context.hydra.is_map() && !full.find("hydra")) full.set("hydra", context.hydra);
  return full;
}

}  // namespace

Found Found::made(Value value, bool literal, Chain chain) {
  const auto owned = std::make_shared<const Value>(std::move(value));
  return {owned.get(), std::move(chain), owned, literal};
}

void Resolver::spend() {
  if (++spent_ > kMaxNodes) {
    refuse("The configuration's interpolations expand to more than " + std::to_string(kMaxNodes) + " values");
  }
}

Found Resolver::dereference(const Value& node, const Chain& chain) {
  if (!node.is_interpolation()) return {&node, chain, nullptr, false};
  spend();
  if (holds(active_, &node) || active_.size() > 200) refuse("Recursive interpolation detected");
  const Pushed<const Value*> guard(active_, &node);
  return evaluate(parse_interpolated(node.as_string()), chain, node);
}

Found Resolver::evaluate(const Expression& e, const Chain& chain, const Value& reader) {
  switch (e.type) {
    case Expression::Type::kNode: return node_interpolation(e, chain, reader);
    case Expression::Type::kResolver: {
      std::string name;
      for (const auto& part : e.name) {
        const Value step = evaluate_value(part, chain, reader);
        if (!step.is_string()) refuse("The name of a resolver must be a string, not " + python_str(step));
        name += (name.empty() ? "" : ".") + step.as_string();
      }
      std::vector<Value> args;
      for (const auto& part : e.parts) args.push_back(evaluate_value(part, chain, reader));
      return call_resolver(name, args, chain, reader);
    }
    default: return Found::made(evaluate_value(e, chain, reader), true);
  }
}

Value Resolver::evaluate_value(const Expression& e, const Chain& chain, const Value& reader) {
  switch (e.type) {
    case Expression::Type::kLiteral: return e.value;
    case Expression::Type::kConcat: {
      std::string text;
      for (const auto& part : e.parts) {
        text += python_str(evaluate_value(part, chain, reader));
        if (text.size() > kMaxText) {
          refuse("An interpolation expands to more than " + std::to_string(kMaxText) + " bytes");
        }
      }
      return Value::string(text);
    }
    case Expression::Type::kList: {
      Value list = Value::list();
      for (const auto& part : e.parts) list.items().push_back(evaluate_value(part, chain, reader));
      return list;
    }
    case Expression::Type::kMap: {
      Value map = Value::map();
      for (std::size_t i = 0; i < e.keys.size(); ++i) map.set(e.keys[i], evaluate_value(e.parts[i], chain, reader));
      return map;
    }
    default: break;
  }
  return *evaluate(e, chain, reader).node;
}

Found Resolver::node_interpolation(const Expression& e, const Chain& chain, const Value& reader) {
  std::string key;
  for (const auto& part : e.parts) {
    const Value step = evaluate_value(part, chain, reader);
    if (!step.is_string())
      refuse("An interpolation denotes a config key but gave " + python_str(step) + ", not a string");
    key += step.as_string();
  }
  auto found = select(key, chain, /*throw_on_missing=*/true);
  if (!found)
    refuse("Interpolation key '" + key.substr(std::min(key.find_first_not_of('.'), key.size())) + "' not found");
  if (holds(chain, found->node)) refuse("Interpolation to parent node detected");
  return std::move(*found);
}

std::optional<Found> Resolver::select(const std::string& key, const Chain& chain, bool throw_on_missing) {
  std::size_t dots = 0;
  while (dots < key.size() && key[dots] == '.') ++dots;
  Found start{&root_, {}, nullptr, false};
  if (dots > 0) {
    if (dots > chain.size()) refuse("Error resolving key '" + key + "'");
    const std::size_t level = chain.size() - dots;
    start = {chain[level], Chain(chain.begin(), chain.begin() + static_cast<std::ptrdiff_t>(level)), nullptr, false};
  }
  const std::string rest = key.substr(dots);
  if (rest.empty()) return start;
  return descend(std::move(start), split_path(rest), key, throw_on_missing);
}

std::optional<Found> Resolver::descend(Found at, const std::vector<std::string>& steps, const std::string& key,
                                       bool throw_on_missing) {
  std::string walked;
  for (const auto& step : steps) {
    if (!at.node->is_container()) {
      refuse("Error trying to access " + key + ": node `" + walked + "` is not a container and thus cannot contain `" +
             step + "`");
    }
    walked = join_path(walked, step);
    const bool number = !step.empty() && step.find_first_not_of("0123456789") == std::string::npos;
    if (at.node->is_list() && !number) refuse("Index '" + step + "' (str) is not an int");
    const Value* child = nullptr;
    if (at.node->is_map()) {
      child = at.node->find(step);
    } else {
      child = find_item(*at.node, step);
    }
    if (!child) return std::nullopt;
    if (child->is_missing() && throw_on_missing) refuse("Missing mandatory value: " + walked);
    Chain chain = at.chain;
    chain.push_back(at.node);
    const auto keep = at.owned;
    const bool literal = at.literal;
    at = literal ? Found{child, chain, keep, true} : dereference(*child, chain);
    if (!at.owned) at.owned = keep;
  }
  return at;
}

Value Resolver::convert(const Value& node, const Chain& chain) {
  spend();
  if (node.is_interpolation()) {
    const Found found = dereference(node, chain);
    if (found.literal) return *found.node;
    if (holds(converting_, found.node) || converting_.size() > 200) refuse("Recursive interpolation detected");
    return convert(*found.node, found.chain);
  }
  if (!node.is_container() || &node == left_out_) return node;
  const Pushed<const Value*> guard(converting_, &node);
  Chain inner = chain;
  inner.push_back(&node);
  Value copy = node;
  const auto fill = [&](Value& target, const Value& source, const std::string& step) {
    const Pushed<std::string> step_guard(path_, step);
    try {
      target = convert(source, inner);
    } catch (const UserError& error) {
      if (context_.keep_environment) {
        target = source;  // not to be had without what is kept out
        return;
      }
      if (error.problem().find("\n    full_key: ") != std::string::npos) throw;
      std::string full;
      for (const auto& s : path_) full += (full.empty() ? "" : ".") + s;
      const std::string origin = source.origin().text();
      refuse(error.problem() + "\n    full_key: " + full + (origin.empty() ? "" : "\n    set in " + origin));
    }
    target.set_origin(source.origin());
  };
  if (node.is_list()) {
    for (std::size_t i = 0; i < node.size(); ++i) fill(copy.items()[i], node.items()[i], std::to_string(i));
  } else {
    for (std::size_t i = 0; i < node.size(); ++i) {
      const auto& [key, item] = node.entries()[i];
      fill(copy.entries()[i].second, item, python_str(key));
    }
  }
  return copy;
}

void check_interpolation(const std::string& text) { parse_interpolated(text); }

Value resolve(const Value& root, const ResolveContext& context) {
  const Value full = with_hydra(root, context);
  Resolver resolver(full, context);
  if (!root.find("hydra")) resolver.leave_out(full.find("hydra"));
  Value result = resolver.convert(full, {});
  if (!root.find("hydra") && result.is_map()) result.erase("hydra");
  return result;
}

std::optional<Value> resolve_path(const Value& root, const std::string& path, const ResolveContext& context) {
  const Value full = with_hydra(root, context);
  Resolver resolver(full, context);
  const auto found = resolver.select(path, {&full}, false);
  if (!found) return std::nullopt;
  return found->literal ? *found->node : resolver.convert(*found->node, found->chain);
}

}  // namespace scalselect::config
