#include "experiments/config/value.h"

#include <charconv>
#include <cmath>

#include "core/check.h"
#include "experiments/config/python_text.h"

namespace scalselect::config {
namespace {

bool is_number(const Value& v) { return v.is_bool() || v.is_int() || v.is_float(); }

double number(const Value& v) {
  if (v.is_bool()) return v.as_bool() ? 1 : 0;
  if (v.is_float()) return v.as_float();
  if (v.big()) return parse_python_float(v.big_digits()).value_or(0);
  return static_cast<double>(v.as_int());
}

std::string print(const Value& value, bool quote) {
  switch (value.kind()) {
    case Kind::kNull: return "None";
    case Kind::kBool: return value.as_bool() ? "True" : "False";
    case Kind::kInt: return value.big() ? value.big_digits() : std::to_string(value.as_int());
    case Kind::kFloat: return float_repr(value.as_float());
    case Kind::kString: return quote ? string_repr(value.as_string()) : value.as_string();
    case Kind::kList: {
      std::string out = "[";
      for (const auto& item : value.items()) out += (out.size() > 1 ? ", " : "") + print(item, true);
      return out + "]";
    }
    case Kind::kMap: {
      std::string out = "{";
      for (const auto& [key, item] : value.entries()) {
        out += (out.size() > 1 ? ", " : "") + print(key, true) + ": " + print(item, true);
      }
      return out + "}";
    }
  }
  return {};
}

template <class V>
V* step_into(V* node, const std::string& step) {
  if (node->is_map()) return node->find(step);
  if (!node->is_list()) return nullptr;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (error != std::errc() || end != step.data() + step.size() || index >= node->size()) return nullptr;
  return &node->items()[index];
}

template <class V>
V* walk(V* node, std::string_view path) {
  if (path.empty()) return node;
  for (const auto& step : split_path(path)) {
    node = step_into(node, step);
    if (!node) return nullptr;
  }
  return node;
}

}  // namespace

std::string Origin::text() const { return line > 0 ? file + ":" + std::to_string(line) : file; }

std::string_view kind_name(Kind kind) noexcept {
  static constexpr std::string_view names[] = {"NoneType", "bool", "int", "float", "str", "list", "dict"};
  return names[static_cast<int>(kind)];
}

Value Value::boolean(bool value) {
  Value v;
  v.kind_ = Kind::kBool;
  v.bool_ = value;
  return v;
}

Value Value::integer(std::int64_t value) {
  Value v;
  v.kind_ = Kind::kInt;
  v.int_ = value;
  return v;
}

Value Value::big_integer(const std::string& digits) {
  Value v;
  v.kind_ = Kind::kInt;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), v.int_);
  if (result.ec != std::errc()) v.text_ = digits;
  return v;
}

Value Value::floating(double value) {
  Value v;
  v.kind_ = Kind::kFloat;
  v.float_ = value;
  return v;
}

Value Value::string(std::string value) {
  Value v;
  v.kind_ = Kind::kString;
  v.text_ = std::move(value);
  return v;
}

Value Value::list(List items) {
  Value v;
  v.kind_ = Kind::kList;
  v.list_ = std::move(items);
  return v;
}

Value Value::map(Map items) {
  Value v;
  v.kind_ = Kind::kMap;
  v.map_ = std::move(items);
  return v;
}

bool Value::as_bool() const {
  SCALSELECT_CHECK(is_bool());
  return bool_;
}

std::int64_t Value::as_int() const {
  SCALSELECT_CHECK(is_int() && !big());
  return int_;
}

double Value::as_float() const {
  SCALSELECT_CHECK(is_float());
  return float_;
}

const std::string& Value::as_string() const {
  SCALSELECT_CHECK(is_string());
  return text_;
}

const Value::List& Value::items() const {
  SCALSELECT_CHECK(is_list());
  return list_;
}

Value::List& Value::items() {
  SCALSELECT_CHECK(is_list());
  return list_;
}

const Value::Map& Value::entries() const {
  SCALSELECT_CHECK(is_map());
  return map_;
}

Value::Map& Value::entries() {
  SCALSELECT_CHECK(is_map());
  return map_;
}

const Value* Value::find(const Value& key) const {
  for (const auto& entry : map_) {
    if (entry.first == key) return &entry.second;
  }
  return nullptr;
}

Value* Value::find(const Value& key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

const Value* Value::find(std::string_view key) const {
  for (const auto& entry : map_) {
    if (entry.first.is_string() && entry.first.text_ == key) return &entry.second;
  }
  return nullptr;
}

Value* Value::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

Value& Value::set(const Value& key, Value value) {
  SCALSELECT_CHECK(is_map());
  if (Value* found = find(key)) return *found = std::move(value);
  return map_.emplace_back(key, std::move(value)).second;
}

Value& Value::set(std::string_view key, Value value) { return set(Value::string(std::string(key)), std::move(value)); }

bool Value::erase(const Value& key) {
  for (auto it = map_.begin(); it != map_.end(); ++it) {
    if (it->first == key) {
      map_.erase(it);
      return true;
    }
  }
  return false;
}

bool Value::erase(std::string_view key) { return erase(Value::string(std::string(key))); }

std::size_t Value::size() const { return is_list() ? list_.size() : map_.size(); }

std::size_t Value::nodes() const {
  std::size_t count = 1;
  for (const auto& item : list_) count += item.nodes();
  for (const auto& [key, item] : map_) count += item.nodes();
  return count;
}

void Value::set_origin_deep(const Origin& origin) {
  origin_ = origin;
  for (auto& item : list_) item.set_origin_deep(origin);
  for (auto& entry : map_) {
    entry.first.set_origin_deep(origin);
    entry.second.set_origin_deep(origin);
  }
}

bool operator==(const Value& a, const Value& b) {
  if (is_number(a) && is_number(b)) {
    if (a.is_int() && b.is_int()) return a.text_ == b.text_ && (a.big() || a.int_ == b.int_);
    return number(a) == number(b);
  }
  if (a.kind_ != b.kind_) return false;
  if (a.is_string()) return a.text_ == b.text_;
  if (a.is_list()) return a.list_ == b.list_;
  if (!a.is_map()) return true;  // both null
  if (a.map_.size() != b.map_.size()) return false;
  for (const auto& [key, item] : a.map_) {
    const Value* other = b.find(key);
    if (!other || !(*other == item)) return false;
  }
  return true;
}

std::string python_str(const Value& value) { return print(value, false); }
std::string python_repr(const Value& value) { return print(value, true); }

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> steps;
  // The head: everything up to the first bracket, split at dots. A path that starts with a bracket has no head.
  std::size_t i = 0;
  std::string step;
  while (i < path.size() && path[i] != '[') {
    if (path[i] == '.') {
      steps.push_back(step);
      step.clear();
    } else {
      step += path[i];
    }
    ++i;
  }
  if (i == path.size() || !step.empty()) steps.push_back(step);
  while (i < path.size()) {
    if (path[i] == '[') {
      const auto close = path.find(']', i);
      if (close == std::string_view::npos) break;
      steps.emplace_back(path.substr(i + 1, close - i - 1));
      i = close + 1;
    } else if (path[i] == '.') {
      const auto end = std::min(path.find_first_of(".[", i + 1), path.size());
      steps.emplace_back(path.substr(i + 1, end - i - 1));
      i = end;
    } else {
      ++i;
    }
  }
  return steps;
}

const Value* find_path(const Value& root, std::string_view path) { return walk(&root, path); }
Value* find_path(Value& root, std::string_view path) { return walk(&root, path); }

nlohmann::json to_json(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull: return nullptr;
    case Kind::kBool: return value.as_bool();
    case Kind::kInt: return value.big() ? nlohmann::json(number(value)) : nlohmann::json(value.as_int());
    case Kind::kFloat: return value.as_float();
    case Kind::kString: return value.as_string();
    case Kind::kList: {
      auto list = nlohmann::json::array();
      for (const auto& item : value.items()) list.push_back(to_json(item));
      return list;
    }
    case Kind::kMap: {
      auto object = nlohmann::json::object();
      for (const auto& [key, item] : value.entries()) object[python_str(key)] = to_json(item);
      return object;
    }
  }
  return nullptr;
}

}  // namespace scalselect::config
