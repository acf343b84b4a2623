#include "vlm/jinja/interpreter.h"

namespace scalselect::vlm::jinja {

using Kind = Node::Kind;

Value Interpreter::evaluate(const Node& node, const ScopePtr& scope) {
  const Level level(depth_);
  budget_.spend(1);
  switch (node.kind) {
    case Kind::kLiteral: return node.value;
    case Kind::kName: return name(node.text, *scope);
    case Kind::kList: return list(node, scope, Sequence::Kind::kList);
    case Kind::kTuple: return list(node, scope, Sequence::Kind::kTuple);
    case Kind::kDict: return dict(node, scope);
    case Kind::kAttribute: return attribute(evaluate(*node.kids[0], scope), node.text, budget_);
    case Kind::kItem: {
      const auto object = evaluate(*node.kids[0], scope);
      return item(object, evaluate(*node.kids[1], scope), budget_);
    }
    case Kind::kSlice: return sliced(node, scope);
    case Kind::kCall: return called(node, scope);
    case Kind::kFilter: return filtered(node, scope);
    case Kind::kTest: {
      const auto operand = evaluate(*node.kids[0], scope);
      return apply_test(node.text, operand, arguments(node, scope), budget_) != node.flag;
    }
    case Kind::kUnary: return unary(node, scope);
    case Kind::kBinary: return binary(node, scope);
    case Kind::kConcat: return concatenated(node, scope);
    case Kind::kCompare: return compared(node, scope);
    case Kind::kCondition:
      if (truth(evaluate(*node.kids[0], scope))) return evaluate(*node.kids[1], scope);
      if (node.kids[2]) return evaluate(*node.kids[2], scope);
      return Value::undefined("the inline if-expression on line " + std::to_string(node.line) +
                              " evaluated to false and no else section was defined.");
    default: fail_on_line(node.line, "this is no expression");
  }
}

Value Interpreter::name(const std::string& name, const Scope& scope) {
  if (const auto* found = scope.find(name, budget_)) return *found;
  if (const auto* found = variables_.dict().find(std::string_view(name))) return *found;
  return global(name);
}

Value Interpreter::unary(const Node& node, const ScopePtr& scope) {
  const auto operand = evaluate(*node.kids[0], scope);
  if (node.text == "not") return !truth(operand);
  return negative(operand, node.text == "-");
}

Value Interpreter::binary(const Node& node, const ScopePtr& scope) {
  auto left = evaluate(*node.kids[0], scope);
  if (node.text == "and") return truth(left) ? evaluate(*node.kids[1], scope) : left;
  if (node.text == "or") return truth(left) ? left : evaluate(*node.kids[1], scope);
  return arithmetic(node.text, left, evaluate(*node.kids[1], scope), budget_);
}

Value Interpreter::concatenated(const Node& node, const ScopePtr& scope) {
  std::string out;
  for (const auto& part : node.kids) {
    out += to_text(evaluate(*part, scope), budget_);
    if (out.size() > kMostText) budget_.text(out.size());
  }
  budget_.text(out.size());
  return out;
}

Value Interpreter::compared(const Node& node, const ScopePtr& scope) {
  auto left = evaluate(*node.kids[0], scope);
  for (std::size_t i = 0; i < node.names.size(); ++i) {
    auto right = evaluate(*node.kids[i + 1], scope);
    const auto& op = node.names[i];
    bool holds = false;
    budget_.spend(std::min(left.weight(), right.weight()));
    if (op == "==") holds = equal(left, right);
    else if (op == "!=") holds = !equal(left, right);
    else if (op == "in") holds = contains(right, left, budget_);
    else if (op == "not in") holds = !contains(right, left, budget_);
    else if (op == "<") holds = compare(left, right) < 0;
    else if (op == "<=") holds = compare(left, right) <= 0;
    else if (op == ">") holds = compare(left, right) > 0;
    else holds = compare(left, right) >= 0;
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::list(const Node& node, const ScopePtr& scope, Sequence::Kind kind) {
  std::vector<Value> items;
  for (const auto& kid : node.kids) items.push_back(evaluate(*kid, scope));
  return make_sequence(kind, std::move(items));
}

Value Interpreter::dict(const Node& node, const ScopePtr& scope) {
  std::vector<std::pair<Value, Value>> entries;
  for (std::size_t i = 0; i + 1 < node.kids.size(); i += 2) {
    auto key = evaluate(*node.kids[i], scope);
    entries.emplace_back(std::move(key), evaluate(*node.kids[i + 1], scope));
  }
  return make_dict(entries, budget_);
}

Value Interpreter::sliced(const Node& node, const ScopePtr& scope) {
  const auto object = evaluate(*node.kids[0], scope);
  Value part[3];
  for (std::size_t i = 0; i < 3; ++i) {
    if (node.kids[i + 1]) part[i] = evaluate(*node.kids[i + 1], scope);
  }
  return slice(object, part[0], part[1], part[2], budget_);
}

Value Interpreter::called(const Node& node, const ScopePtr& scope) {
  const auto callee = evaluate(*node.kids[0], scope);
  const auto given = arguments(node, scope);
  if (callee.is_undefined()) callee.raise_undefined();
  if (!callee.is(Value::Type::kCallable)) throw Error("'" + type_name(callee) + "' object is not callable");
  return callee.callable().call(given);
}

Value Interpreter::filtered(const Node& node, const ScopePtr& scope, const Value* operand) {
  const auto value = node.kids[0] == nullptr ? *operand
                     : operand == nullptr    ? evaluate(*node.kids[0], scope)
                                             : filtered(*node.kids[0], scope, operand);
  return apply_filter(node.text, value, arguments(node, scope), budget_);
}

Arguments Interpreter::arguments(const Node& node, const ScopePtr& scope) {
  Arguments given;
  for (std::size_t i = 0; i < node.keywords.size(); ++i) {
    auto value = evaluate(*node.defaults[i], scope);
    const auto& keyword = node.keywords[i];
    if (keyword.empty()) {
      given.positional.push_back(std::move(value));
    } else if (keyword == "*") {
      for (auto& each : iterate(value, budget_)) given.positional.push_back(std::move(each));
    } else if (keyword == "**") {
      if (!value.is(Value::Type::kDict)) throw Error("the argument after ** must be a mapping");
      for (const auto& [key, each] : value.dict().entries) given.named.emplace_back(require_text(key), each);
    } else {
      given.named.emplace_back(keyword, std::move(value));
    }
  }
  return given;
}

}  // namespace scalselect::vlm::jinja
