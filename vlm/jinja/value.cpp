#include "vlm/jinja/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/utf8.h"
#include "vlm/jinja/text.h"

namespace scalselect::vlm::jinja {
namespace {

int nesting_of(int inner) {
  if (inner >= kMostNesting) {
    throw Error("its lists and dicts are nested more than " + std::to_string(kMostNesting) + " levels deep");
  }
  return inner + 1;
}

std::int64_t weight_of(std::int64_t inner) {
  if (inner >= kMostSteps)
    throw Error("it makes lists and dicts of more than " + std::to_string(kMostSteps) + " entries");
  return inner + 1;
}

template <class Json>
Value value_of(const Json& tree, Budget& budget, int depth) {
  if (depth > kMostNesting) nesting_of(depth);
  switch (tree.type()) {
    case Json::value_t::boolean: return tree.template get<bool>();
    case Json::value_t::number_unsigned:
      if (tree.template get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
        return static_cast<double>(tree.template get<std::uint64_t>());
      }
      return tree.template get<std::int64_t>();
    case Json::value_t::number_integer: return tree.template get<std::int64_t>();
    case Json::value_t::number_float: return tree.template get<double>();
    case Json::value_t::string: return repair_utf8(tree.template get_ref<const std::string&>());
    case Json::value_t::array: {
      std::vector<Value> items;
      for (const auto& item : tree) items.push_back(value_of(item, budget, depth + 1));
      return Value::list(std::move(items));
    }
    case Json::value_t::object: {
      std::vector<std::pair<Value, Value>> entries;
      for (const auto& [key, item] : tree.items()) entries.emplace_back(key, value_of(item, budget, depth + 1));
      return make_dict(entries, budget);
    }
    default: return {};
  }
}

std::string quoted(const std::string& text) {
  const bool twice = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char mark = twice ? '"' : '\'';
  std::string out(1, mark);
  for (const auto c : points_of(text)) {
    if (c == U'\\' || c == static_cast<char32_t>(mark)) out += {'\\', static_cast<char>(c)};
    else if (c == U'\n') out += "\\n";
    else if (c == U'\r') out += "\\r";
    else if (c == U'\t') out += "\\t";
    else if (is_printable(c)) append_utf8(out, c);
    else {
      const char* digits = "0123456789abcdef";
      const int width = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
      out += {'\\', width == 2 ? 'x' : width == 4 ? 'u' : 'U'};
      for (int i = width - 1; i >= 0; --i) out += digits[(c >> (4 * i)) & 15];
    }
  }
  return out + mark;
}

/// What print() shows, written piece by piece so that shared lists cannot make it grow without end.
class Printer {
 public:
  void write(const Value& value, bool repr) {
    switch (value.type()) {
      case Value::Type::kUndefined: return add(repr ? "Undefined" : "");
      case Value::Type::kNone: return add("None");
      case Value::Type::kBool: return add(value.integer() != 0 ? "True" : "False");
      case Value::Type::kInt: return add(std::to_string(value.integer()));
      case Value::Type::kFloat: return add(float_repr(value.number()));
      case Value::Type::kString: return add(repr ? quoted(value.string()) : value.string());
      case Value::Type::kSequence: return sequence(value.sequence());
      case Value::Type::kDict: return dict(value.dict());
      case Value::Type::kObject: return add(value.object().describe());
      case Value::Type::kCallable: return add("<function " + value.callable().name + ">");
    }
  }
  std::string text;

 private:
  void add(std::string_view piece) {
    text += piece;
    if (text.size() > kMostText) Budget().text(text.size());
  }
  void sequence(const Sequence& list) {
    if (list.kind == Sequence::Kind::kGenerator) return add("<generator object>");
    if (list.kind == Sequence::Kind::kRange) return range(list);
    const bool tuple = list.kind == Sequence::Kind::kTuple;
    const bool view = list.kind == Sequence::Kind::kView;
    add(view ? list.name + "([" : tuple ? "(" : "[");
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) add(", ");
      write(list.items[i], true);
    }
    add(view ? "])" : !tuple ? "]" : list.items.size() == 1 ? ",)" : ")");
  }
  void range(const Sequence& list) {
    const auto first = list.items.empty() ? 0 : list.items.front().integer();
    const auto step = list.items.size() < 2 ? 1 : list.items[1].integer() - first;
    const auto end = list.items.empty() ? 0 : list.items.back().integer() + step;
    add("range(" + std::to_string(first) + ", " + std::to_string(end) + (step == 1 ? "" : ", " + std::to_string(step)) +
        ")");
  }
  void dict(const Dict& dict) {
    add("{");
    bool first = true;
    for (const auto& [key, item] : dict.entries) {
      if (!first) add(", ");
      first = false;
      write(key, true);
      add(": ");
      write(item, true);
    }
    add("}");
  }
};

bool equal_items(const std::vector<Value>& a, const std::vector<Value>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) { return equal(x, y); });
}

template <class T>
int order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

}  // namespace

Value Value::undefined(std::string message) {
  Value value;
  value.data_ = std::make_shared<const Undefined>(Undefined{std::move(message)});
  return value;
}

Value Value::callable(std::string name, std::function<Value(const Arguments&)> call, int nesting) {
  Value value;
  value.data_ = std::make_shared<const Callable>(Callable{std::move(name), std::move(call), nesting_of(nesting)});
  return value;
}

Value Value::list(std::vector<Value> items) { return make_sequence(Sequence::Kind::kList, std::move(items)); }

Value Value::from_json(const nlohmann::json& tree) {
  Budget budget;
  return value_of(tree, budget, 0);
}

Value Value::from_json(const nlohmann::ordered_json& tree) {
  Budget budget;
  return value_of(tree, budget, 0);
}

std::int64_t Value::integer() const {
  if (const auto* flag = std::get_if<bool>(&data_)) return *flag ? 1 : 0;
  return std::get<std::int64_t>(data_);
}

double Value::number() const {
  if (const auto* real = std::get_if<double>(&data_)) return *real;
  return static_cast<double>(integer());
}

bool Value::same_object(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  return std::visit(
      [&](const auto& mine) {
        const auto& theirs = std::get<std::decay_t<decltype(mine)>>(other.data_);
        if constexpr (std::is_same_v<std::decay_t<decltype(mine)>, std::shared_ptr<const std::string>>) {
          return *mine == *theirs;  // Python shares equal constants
        } else {
          return mine == theirs;
        }
      },
      data_);
}

int Value::nesting() const {
  if (is(Type::kSequence)) return sequence().nesting;
  if (is(Type::kCallable)) return callable().nesting;
  return is(Type::kDict) ? dict().nesting : 0;
}

std::int64_t Value::weight() const {
  if (is(Type::kSequence)) return sequence().weight;
  if (is(Type::kDict)) return dict().weight;
  return is_string() ? 1 + static_cast<std::int64_t>(string().size() / 64) : 1;
}

Value make_sequence(Sequence::Kind kind, std::vector<Value> items, std::string name) {
  auto made = std::make_shared<Sequence>();
  int inner = 0;
  std::int64_t entries = 0;
  for (const auto& item : items) {
    inner = std::max(inner, item.nesting());
    entries = weight_of(entries + item.weight());
  }
  made->nesting = nesting_of(inner);
  made->weight = weight_of(entries);
  made->kind = kind;
  made->items = std::move(items);
  made->name = std::move(name);
  return made;
}

const Value* Dict::find(const Value& key) const {
  for (const auto& [name, item] : entries) {
    if (equal(name, key)) return &item;
  }
  return nullptr;
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& [name, item] : entries) {
    if (name.is_string() && name.string() == key) return &item;
  }
  return nullptr;
}

Value make_dict(const std::vector<std::pair<Value, Value>>& entries, Budget& budget) {
  auto made = std::make_shared<Dict>();
  int inner = 0;
  std::int64_t weight = 0;
  for (const auto& [key, item] : entries) {
    if (key.is(Value::Type::kDict) ||
        (key.is(Value::Type::kSequence) && key.sequence().kind == Sequence::Kind::kList)) {
      throw Error("unhashable type: '" + type_name(key) + "'");
    }
    budget.spend(1 + static_cast<std::int64_t>(made->entries.size()) / 8);
    inner = std::max({inner, key.nesting(), item.nesting()});
    weight = weight_of(weight + key.weight() + item.weight());
    if (const auto* known = made->find(key)) const_cast<Value&>(*known) = item;
    else made->entries.emplace_back(key, item);
  }
  made->nesting = nesting_of(inner);
  made->weight = weight_of(weight);
  return std::shared_ptr<const Dict>(std::move(made));
}

bool truth(const Value& value) {
  switch (value.type()) {
    case Value::Type::kUndefined:
    case Value::Type::kNone: return false;
    case Value::Type::kBool:
    case Value::Type::kInt: return value.integer() != 0;
    case Value::Type::kFloat: return value.number() != 0;
    case Value::Type::kString: return !value.string().empty();
    case Value::Type::kSequence:
      return value.sequence().kind == Sequence::Kind::kGenerator || !value.sequence().items.empty();
    case Value::Type::kDict: return !value.dict().entries.empty();
    default: return true;
  }
}

bool equal(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return a.integer() == b.integer();
  if (a.is_number() && b.is_number()) return a.number() == b.number();
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Value::Type::kUndefined:
    case Value::Type::kNone: return true;
    case Value::Type::kString: return a.string() == b.string();
    case Value::Type::kSequence:
      if (a.sequence().kind != b.sequence().kind || a.sequence().kind == Sequence::Kind::kGenerator) {
        return a.same_object(b);
      }
      return equal_items(a.sequence().items, b.sequence().items);
    case Value::Type::kDict:
      return a.dict().entries.size() == b.dict().entries.size() &&
             std::all_of(a.dict().entries.begin(), a.dict().entries.end(), [&](const auto& entry) {
               const auto* other = b.dict().find(entry.first);
               return other != nullptr && equal(entry.second, *other);
             });
    default: return a.same_object(b);
  }
}

bool equal(const Value& a, const Value& b, Budget& budget) {
  budget.spend(std::min(a.weight(), b.weight()));
  return equal(a, b);
}

int compare(const Value& a, const Value& b) {
  if (a.is_undefined()) a.raise_undefined();
  if (b.is_undefined()) b.raise_undefined();
  if (a.is_integer() && b.is_integer()) return order(a.integer(), b.integer());
  if (a.is_number() && b.is_number()) return order(a.number(), b.number());
  if (a.is_string() && b.is_string()) return order(a.string(), b.string());
  if (a.is(Value::Type::kSequence) && b.is(Value::Type::kSequence) && a.sequence().kind == b.sequence().kind &&
      (a.sequence().kind == Sequence::Kind::kList || a.sequence().kind == Sequence::Kind::kTuple)) {
    const auto &left = a.sequence().items, &right = b.sequence().items;
    for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
      if (!equal(left[i], right[i])) return compare(left[i], right[i]);
    }
    return order(left.size(), right.size());
  }
  throw Error("'<' not supported between instances of '" + type_name(a) + "' and '" + type_name(b) + "'");
}

std::string to_text(const Value& value, Budget& budget) {
  Printer printer;
  printer.write(value, false);
  budget.text(printer.text.size());
  return std::move(printer.text);
}

std::string to_repr(const Value& value) {
  Printer printer;
  printer.write(value, true);
  return std::move(printer.text);
}

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  const double size = std::abs(value);
  char digits[64];
  const bool plain = size >= 1e-4 && size < 1e16;
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(digits, digits + sizeof digits, value, format).ptr;
  std::string text(digits, end);
  return plain && text.find('.') == text.npos ? text + ".0" : text;
}

std::string type_name(const Value& value) {
  switch (value.type()) {
    case Value::Type::kUndefined: return "Undefined";
    case Value::Type::kNone: return "NoneType";
    case Value::Type::kBool: return "bool";
    case Value::Type::kInt: return "int";
    case Value::Type::kFloat: return "float";
    case Value::Type::kString: return "str";
    case Value::Type::kDict: return "dict";
    case Value::Type::kObject: return "object";
    case Value::Type::kCallable: return "function";
    case Value::Type::kSequence: break;
  }
  switch (value.sequence().kind) {
    case Sequence::Kind::kTuple: return "tuple";
    case Sequence::Kind::kRange: return "range";
    case Sequence::Kind::kGenerator: return "generator";
    case Sequence::Kind::kView: return value.sequence().name;
    default: return "list";
  }
}

std::int64_t length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) return count_points(value.string());
  if (value.is(Value::Type::kDict)) return std::ssize(value.dict().entries);
  if (value.is(Value::Type::kSequence) && value.sequence().kind != Sequence::Kind::kGenerator) {
    return std::ssize(value.sequence().items);
  }
  throw Error("object of type '" + type_name(value) + "' has no len()");
}

std::vector<Value> iterate(const Value& value, Budget& budget) {
  std::vector<Value> items;
  switch (value.type()) {
    case Value::Type::kUndefined: return items;
    case Value::Type::kString:
      budget.spend(count_points(value.string()));
      for (auto& one : characters_of(value.string())) items.emplace_back(std::move(one));
      return items;
    case Value::Type::kDict:
      budget.spend(std::ssize(value.dict().entries));
      for (const auto& entry : value.dict().entries) items.push_back(entry.first);
      return items;
    case Value::Type::kSequence:
      budget.spend(std::ssize(value.sequence().items));
      if (value.sequence().kind != Sequence::Kind::kGenerator) return value.sequence().items;
      items.swap(value.sequence().items);
      return items;
    default: throw Error("'" + type_name(value) + "' object is not iterable");
  }
}

}  // namespace scalselect::vlm::jinja
