#include "vlm/jinja/operations.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "vlm/jinja/text.h"

namespace scalselect::vlm::jinja {
namespace {

using Type = Value::Type;

[[noreturn]] void fail_operator(const std::string& op, const Value& left, const Value& right) {
  if (left.is_undefined()) left.raise_undefined();
  if (right.is_undefined()) right.raise_undefined();
  throw Error("unsupported operand type(s) for " + op + ": '" + type_name(left) + "' and '" + type_name(right) + "'");
}

[[noreturn]] void fail_large() { throw Error("it computes an integer of more than 64 bits"); }

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  if (b == 0) throw Error("integer division or modulo by zero");
  if (b == -1) {
    if (a == INT64_MIN) fail_large();
    return -a;
  }
  return a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
}

std::int64_t integer_power(std::int64_t base, std::int64_t exponent) {
  std::int64_t out = 1;
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  for (; exponent > 0; --exponent) {
    if (__builtin_mul_overflow(out, base, &out)) fail_large();
  }
  return out;
}

Value integers(const std::string& op, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  bool overflow = false;
  if (op == "+") overflow = __builtin_add_overflow(a, b, &out);
  else if (op == "-") overflow = __builtin_sub_overflow(a, b, &out);
  else if (op == "*") overflow = __builtin_mul_overflow(a, b, &out);
  else if (op == "//") out = floor_divide(a, b);
  else if (op == "%") out = b == -1 ? 0 : a - floor_divide(a, b) * b;
  else if (op == "/") {
    if (b == 0) throw Error("division by zero");
    return static_cast<double>(a) / static_cast<double>(b);
  } else if (b >= 0) out = integer_power(a, b);
  else return std::pow(static_cast<double>(a), static_cast<double>(b));
  if (overflow) fail_large();
  return out;
}

Value reals(const std::string& op, double a, double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "**") return std::pow(a, b);
  if (b == 0) throw Error("float division by zero");
  if (op == "/") return a / b;
  double rest = std::fmod(a, b);
  if (rest != 0 && (b < 0) != (rest < 0)) rest += b;
  return op == "%" ? rest : std::floor((a - rest) / b + 0.5);
}

std::string repeated(const std::string& text, std::int64_t times, Budget& budget) {
  if (times <= 0 || text.empty()) return {};
  if (times > static_cast<std::int64_t>(kMostText)) budget.text(kMostText + 1);
  budget.text(text.size() * static_cast<std::size_t>(times));
  std::string out;
  for (std::int64_t i = 0; i < times; ++i) out += text;
  return out;
}

Value repeat(const Value& thing, std::int64_t times, Budget& budget) {
  if (thing.is_string()) return repeated(thing.string(), times, budget);
  std::vector<Value> items;
  for (std::int64_t i = 0; i < times; ++i) {
    budget.spend(1 + std::ssize(thing.sequence().items));
    items.insert(items.end(), thing.sequence().items.begin(), thing.sequence().items.end());
  }
  return make_sequence(thing.sequence().kind, std::move(items));
}

bool is_list(const Value& value) {
  return value.is(Type::kSequence) &&
         (value.sequence().kind == Sequence::Kind::kList || value.sequence().kind == Sequence::Kind::kTuple);
}

/// A position of Python's slices, clipped.
std::int64_t clipped(const Value& at, std::int64_t otherwise, std::int64_t size, std::int64_t lowest,
                     std::int64_t highest) {
  if (at.is_none()) return otherwise;
  auto place = require_integer(at);
  if (place < 0) place = place < -size ? lowest : place + size;
  return std::clamp(place, lowest, highest);
}

}  // namespace

Parameters::Parameters(const std::string& callee, const Arguments& given, std::initializer_list<const char*> names)
    : callee_(callee) {
  if (given.positional.size() > names.size()) {
    throw Error(callee + "() takes " + std::to_string(names.size()) + " arguments but " +
                std::to_string(given.positional.size()) + " were given");
  }
  for (std::size_t i = 0; i < given.positional.size(); ++i) bound_.emplace_back(names.begin()[i], &given.positional[i]);
  for (const auto& [name, value] : given.named) {
    const bool known = std::find(names.begin(), names.end(), std::string_view(name)) != names.end();
    if (!known) throw Error(callee + "() got an unexpected keyword argument '" + name + "'");
    if (find(name) != nullptr) throw Error(callee + "() got multiple values for argument '" + name + "'");
    bound_.emplace_back(name, &value);
  }
}

const Value* Parameters::find(std::string_view name) const {
  for (const auto& [known, value] : bound_) {
    if (known == name) return value;
  }
  return nullptr;
}

const Value& Parameters::require(std::string_view name) const {
  const auto* value = find(name);
  if (value == nullptr) throw Error(callee_ + "() missing its argument '" + std::string(name) + "'");
  return *value;
}

bool Parameters::flag(std::string_view name, bool otherwise) const {
  const auto* value = find(name);
  return value == nullptr ? otherwise : truth(*value);
}

std::int64_t Parameters::integer(std::string_view name, std::int64_t otherwise) const {
  const auto* value = find(name);
  return value == nullptr ? otherwise : require_integer(*value);
}

std::int64_t Parameters::integer(std::string_view name) const { return require_integer(require(name)); }
const std::string& Parameters::text(std::string_view name) const { return require_text(require(name)); }

const std::string* Parameters::optional_text(std::string_view name) const {
  const auto* value = find(name);
  return value == nullptr || value->is_none() ? nullptr : &require_text(*value);
}

std::int64_t require_integer(const Value& value) {
  if (value.is_undefined()) value.raise_undefined();
  if (!value.is_integer()) throw Error("'" + type_name(value) + "' object cannot be interpreted as an integer");
  return value.integer();
}

const std::string& require_text(const Value& value) {
  if (value.is_undefined()) value.raise_undefined();
  if (!value.is_string()) throw Error("a str is expected, not '" + type_name(value) + "'");
  return value.string();
}

Value arithmetic(const std::string& op, const Value& left, const Value& right, Budget& budget) {
  if (left.is_integer() && right.is_integer()) return integers(op, left.integer(), right.integer());
  if (left.is_number() && right.is_number()) return reals(op, left.number(), right.number());
  if (op == "%" && left.is_string()) return percent_format(left.string(), right, budget);
  if (op == "+" && left.is_string() && right.is_string()) {
    budget.text(left.string().size() + right.string().size());
    return left.string() + right.string();
  }
  if (op == "+" && is_list(left) && is_list(right) && left.sequence().kind == right.sequence().kind) {
    budget.spend(std::ssize(left.sequence().items) + std::ssize(right.sequence().items));
    auto items = left.sequence().items;
    items.insert(items.end(), right.sequence().items.begin(), right.sequence().items.end());
    return make_sequence(left.sequence().kind, std::move(items));
  }
  if (op == "*" && (left.is_string() || is_list(left)) && right.is_integer()) {
    return repeat(left, right.integer(), budget);
  }
  if (op == "*" && (right.is_string() || is_list(right)) && left.is_integer()) {
    return repeat(right, left.integer(), budget);
  }
  fail_operator(op, left, right);
}

Value negative(const Value& value, bool negate) {
  if (value.is_undefined()) value.raise_undefined();
  if (!value.is_number())
    throw Error("bad operand type for unary " + std::string(negate ? "-" : "+") + ": '" + type_name(value) + "'");
  if (!value.is_integer()) return negate ? -value.number() : value.number();
  if (negate && value.integer() == INT64_MIN) fail_large();
  return negate ? -value.integer() : value.integer();
}

bool contains(const Value& container, const Value& item, Budget& budget) {
  if (container.is_string()) {
    if (!item.is_string()) {
      if (item.is_undefined()) item.raise_undefined();
      throw Error("'in <string>' requires string as left operand, not " + type_name(item));
    }
    budget.spend(1 + static_cast<std::int64_t>(container.string().size()) / 64);
    return container.string().find(item.string()) != std::string::npos;
  }
  if (container.is(Type::kDict)) budget.spend(std::ssize(container.dict().entries));
  if (container.is(Type::kDict)) return container.dict().find(item) != nullptr;
  if (!container.is(Type::kSequence) && !container.is_undefined()) {
    throw Error("argument of type '" + type_name(container) + "' is not iterable");
  }
  const auto items = iterate(container, budget);
  return std::any_of(items.begin(), items.end(), [&](const Value& known) { return equal(known, item, budget); });
}

Value attribute(const Value& object, const std::string& name, Budget& budget) {
  if (object.is_undefined()) object.raise_undefined();
  Value found = Value::undefined("'" + type_name(object) + " object' has no attribute '" + name + "'");
  if (object.is(Type::kObject)) return object.object().attribute(name).value_or(found);
  if (object.is_string()) {
    auto method = text_method(object, name, budget);
    return method.is_undefined() ? found : method;
  }
  if (object.is(Type::kDict) || object.is(Type::kSequence)) {
    auto method = container_method(object, name, budget);
    if (!method.is_undefined()) return method;
    if (object.is(Type::kDict)) {
      if (const auto* entry = object.dict().find(std::string_view(name))) return *entry;
    } else {
      return method;
    }
  }
  if (object.is(Type::kCallable) && name == "name") return object.callable().name;
  return found;
}

Value item(const Value& object, const Value& key, Budget& budget) {
  if (object.is_undefined()) object.raise_undefined();
  if (object.is(Type::kDict)) {
    budget.spend(1 + std::ssize(object.dict().entries) / 16);
    if (const auto* entry = object.dict().find(key)) return *entry;
  }
  const bool indexed = object.is(Type::kSequence) && object.sequence().kind != Sequence::Kind::kGenerator &&
                       object.sequence().kind != Sequence::Kind::kView;
  if (key.is_integer() && (object.is_string() || indexed)) {
    const auto size = length(object);
    const auto at = key.integer() < 0 ? key.integer() + size : key.integer();
    if (at < 0 || at >= size) {
      return Value::undefined(type_name(object) + " object has no element " + std::to_string(key.integer()));
    }
    if (indexed) return object.sequence().items[static_cast<std::size_t>(at)];
    budget.spend(1 + size / 64);
    const auto points = points_of(object.string());
    return utf8_of(std::u32string_view(points).substr(static_cast<std::size_t>(at), 1));
  }
  if (key.is_string()) return attribute(object, key.string(), budget);
  return Value::undefined("'" + type_name(object) + " object' has no element " + to_repr(key));
}

Value slice(const Value& object, const Value& first, const Value& last, const Value& step, Budget& budget) {
  if (object.is_undefined()) object.raise_undefined();
  if (!object.is_string() && !object.is(Type::kSequence)) {
    return Value::undefined("'" + type_name(object) + " object' cannot be sliced");
  }
  const auto size = length(object);
  const auto stride = step.is_none() ? 1 : require_integer(step);
  if (stride == 0) throw Error("slice step cannot be zero");
  const bool forward = stride > 0;
  const std::int64_t lowest = forward ? 0 : -1, highest = forward ? size : size - 1;
  const auto begin = clipped(first, forward ? 0 : size - 1, size, lowest, highest);
  const auto end = clipped(last, forward ? size : -1, size, lowest, highest);
  std::vector<std::size_t> places;
  for (auto at = begin; forward ? at < end : at > end;) {
    places.push_back(static_cast<std::size_t>(at));
    if (__builtin_add_overflow(at, stride, &at)) break;
  }
  budget.spend(1 + std::ssize(places) + (object.is_string() ? size / 16 : 0));
  if (object.is_string()) {
    const auto points = points_of(object.string());
    std::u32string out;
    for (const auto at : places) out += points[at];
    return utf8_of(out);
  }
  std::vector<Value> items;
  for (const auto at : places) items.push_back(object.sequence().items[at]);
  return make_sequence(object.sequence().kind, std::move(items));
}

Value dotted(const Value& object, const Value& path, Budget& budget) {
  if (path.is_integer()) return item(object, path, budget);
  const std::string dot = ".";
  Value at = object;
  for (const auto& part : split(require_text(path), &dot, -1)) {
    const bool digits =
        !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    at =
        item(at, digits && part.size() < 18 ? Value(static_cast<std::int64_t>(std::stoll(part))) : Value(part), budget);
  }
  return at;
}

}  // namespace scalselect::vlm::jinja
