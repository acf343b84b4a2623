#include "vlm/jinja/interpreter.h"

#include <algorithm>

#include "vlm/jinja/template.h"

namespace scalselect::vlm::jinja {

using Kind = Node::Kind;

const Value* Scope::find(std::string_view name, Budget& budget) const {
  for (const auto* scope = this; scope != nullptr; scope = scope->outer.get()) {
    budget.spend(std::ssize(scope->names) / 32);
    for (const auto& [known, value] : scope->names) {
      if (known == name) return &value;
    }
  }
  return nullptr;
}

void Scope::set(const std::string& name, Value value) {
  for (auto& [known, old] : names) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  names.emplace_back(name, std::move(value));
}

Interpreter::~Interpreter() {
  for (const auto& scope : captured_) scope->names.clear();
  for (const auto& object : objects_) object->clear();
}

std::string Interpreter::run(const Node& root) {
  std::string out;
  page_ = &out;
  body(root, std::make_shared<Scope>(nullptr), out);
  return out;
}

ScopePtr Interpreter::inside(const ScopePtr& scope) {
  budget_.spend(1);
  return std::make_shared<Scope>(scope);
}

void Interpreter::print(std::string& out, std::string_view text) {
  budget_.spend(1 + static_cast<std::int64_t>(text.size() / 64));
  out += text;
  if (out.size() > kMostText) budget_.text(out.size());
}

Interpreter::Flow Interpreter::body(const Node& node, const ScopePtr& scope, std::string& out) {
  for (const auto& statement : node.kids) {
    const auto flow = execute(*statement, scope, out);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

std::string Interpreter::inner(const Node& node, const ScopePtr& scope) {
  std::string out;
  const int around = std::exchange(loops_, 0);
  body(node, inside(scope), out);
  loops_ = around;
  return out;
}

Interpreter::Flow Interpreter::execute(const Node& node, const ScopePtr& scope, std::string& out) {
  const Level level(depth_);
  budget_.spend(1);
  switch (node.kind) {
    case Kind::kBody: return body(node, scope, out);
    case Kind::kData: print(out, node.text); break;
    case Kind::kOutput: print(out, to_text(evaluate(*node.kids[0], scope), budget_)); break;
    case Kind::kIf: return choose(node, scope, out);
    case Kind::kFor: return loop(node, scope, out);
    case Kind::kSet: assign(*node.kids[0], evaluate(*node.kids[1], scope), scope); break;
    case Kind::kSetBlock: {
      Value text = inner(*node.kids[2], scope);
      if (node.kids[1]) text = filtered(*node.kids[1], scope, &text);
      assign(*node.kids[0], text, scope);
      break;
    }
    case Kind::kMacro: scope->set(node.text, macro(node, scope)); break;
    case Kind::kCallBlock: call_block(node, scope, out); break;
    case Kind::kFilterBlock: {
      const Value text = inner(*node.kids[1], scope);
      print(out, to_text(filtered(*node.kids[0], scope, &text), budget_));
      break;
    }
    case Kind::kWith: with(node, scope, out); break;
    case Kind::kGeneration: {
      const auto begin = out.size();
      print(out, inner(*node.kids[0], scope));
      if (generation_ != nullptr && &out == page_) generation_->emplace_back(begin, out.size());
      break;
    }
    case Kind::kBreak:
    case Kind::kContinue:
      if (loops_ == 0) fail_on_line(node.line, "{% break %} and {% continue %} belong into a loop");
      return node.kind == Kind::kBreak ? Flow::kBreak : Flow::kContinue;
    default: fail_on_line(node.line, "this is no statement");
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::choose(const Node& node, const ScopePtr& scope, std::string& out) {
  for (std::size_t i = 0; i + 1 < node.kids.size(); i += 2) {
    if (truth(evaluate(*node.kids[i], scope))) return body(*node.kids[i + 1], scope, out);
  }
  if (node.kids.size() % 2 == 0) return Flow::kNext;
  return body(*node.kids.back(), scope, out);
}

Interpreter::Flow Interpreter::loop(const Node& node, const ScopePtr& scope, std::string& out) {
  auto items = std::make_shared<std::vector<Value>>(iterate(evaluate(*node.kids[1], scope), budget_));
  if (node.kids[2]) {
    std::vector<Value> kept;
    for (const auto& item : *items) {
      const auto look = inside(scope);
      assign(*node.kids[0], item, look);
      if (truth(evaluate(*node.kids[2], look))) kept.push_back(item);
    }
    *items = std::move(kept);
  }
  if (items->empty()) {
    if (node.kids.size() > 4) return body(*node.kids[4], inside(scope), out);
    return Flow::kNext;
  }
  const auto object = loop_object(items);
  ++loops_;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const auto round = inside(scope);
    go_to(*object, i);
    round->set("loop", object);
    assign(*node.kids[0], (*items)[i], round);
    if (body(*node.kids[3], round, out) == Flow::kBreak) break;
  }
  --loops_;
  return Flow::kNext;
}

void Interpreter::with(const Node& node, const ScopePtr& scope, std::string& out) {
  const auto own = inside(scope);
  for (std::size_t i = 1; i + 1 < node.kids.size(); i += 2) {
    assign(*node.kids[i], evaluate(*node.kids[i + 1], scope), own);
  }
  const int around = std::exchange(loops_, 0);
  body(*node.kids[0], own, out);
  loops_ = around;
}

void Interpreter::unpack(const Node& target, const Value& value, const ScopePtr& scope) {
  if (value.is_undefined()) value.raise_undefined();
  const auto items = iterate(value, budget_);
  if (items.size() != target.kids.size()) {
    throw Error("it assigns " + std::to_string(items.size()) + " values to " + std::to_string(target.kids.size()) +
                " names");
  }
  for (std::size_t i = 0; i < items.size(); ++i) assign(*target.kids[i], items[i], scope);
}

void Interpreter::assign(const Node& target, const Value& value, const ScopePtr& scope) {
  if (target.kind == Kind::kTuple) return unpack(target, value, scope);
  if (target.kind == Kind::kName) return scope->set(target.text, value);
  const auto object = name(target.kids[0]->text, *scope);
  auto* space = object.is(Value::Type::kObject) ? dynamic_cast<Namespace*>(&object.object()) : nullptr;
  if (space == nullptr) throw Error("cannot assign attribute on non-namespace object");
  space->set(target.text, value, budget_);
}

Value Interpreter::macro(const Node& node, const ScopePtr& scope) {
  if (captured_.empty() || captured_.back() != scope) captured_.push_back(scope);
  return Value::callable(node.text,
                         [this, &node, scope](const Arguments& given) { return call_macro(node, scope, given); });
}

Value Interpreter::call_macro(const Node& node, const ScopePtr& scope, const Arguments& given) {
  const Level level(depth_);
  const auto own = inside(scope);
  const auto parameters = node.names.size();
  if (given.positional.size() > parameters) {
    throw Error("macro '" + node.text + "' takes not more than " + std::to_string(parameters) + " argument(s)");
  }
  for (const auto& [key, value] : given.named) {
    const auto place = std::find(node.names.begin(), node.names.end(), key) - node.names.begin();
    if (static_cast<std::size_t>(place) < given.positional.size()) {
      throw Error("macro '" + node.text + "' got multiple values for argument '" + key + "'");
    }
    if (static_cast<std::size_t>(place) == parameters && key != "caller") {
      throw Error("macro '" + node.text + "' takes no keyword argument '" + key + "'");
    }
    own->set(key, value);
  }
  const auto first_default = parameters - node.defaults.size();
  for (std::size_t i = 0; i < parameters; ++i) {
    const auto& key = node.names[i];
    const bool named =
        std::any_of(given.named.begin(), given.named.end(), [&](const auto& one) { return one.first == key; });
    if (i < given.positional.size()) own->set(key, given.positional[i]);
    else if (named) continue;
    else if (i >= first_default) own->set(key, evaluate(*node.defaults[i - first_default], own));
    else own->set(key, Value::undefined("parameter '" + key + "' was not provided"));
  }
  std::string out;
  const int around = std::exchange(loops_, 0);
  body(*node.kids[0], own, out);
  loops_ = around;
  return out;
}

void Interpreter::call_block(const Node& node, const ScopePtr& scope, std::string& out) {
  const auto& call = *node.kids[0];
  const auto callee = evaluate(*call.kids[0], scope);
  auto given = arguments(call, scope);
  given.named.emplace_back("caller", macro(*node.kids[1], scope));
  if (callee.is_undefined()) callee.raise_undefined();
  if (!callee.is(Value::Type::kCallable)) throw Error("'" + type_name(callee) + "' object is not callable");
  print(out, to_text(callee.callable().call(given), budget_));
}

Template::Template(std::string_view source) : root_(parse(source)) {}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

std::string Template::render(const Value& variables, const std::tm& now, Interpreter::Ranges* generation) const {
  return Interpreter(variables, now, generation).run(*root_);
}

}  // namespace scalselect::vlm::jinja
