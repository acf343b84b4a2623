#include "experiments/config/value.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool counts(const Value& v) { return v.is_bool() || v.is_number(); }

}  // namespace

std::string Origin::text() const { return line > 0 ? file + ":" + std::to_string(line) : file; }

std::string kind_name(Kind kind) {
  static constexpr const char* names[] = {"NoneType", "bool", "int", "float", "str", "list", "dict"};
  return names[static_cast<int>(kind)];
}

std::optional<std::int64_t> Value::as_int() const { return whole_number<std::int64_t>(digits()); }

double Value::as_number() const {
  if (is_bool()) return as_bool() ? 1 : 0;
  return is_float() ? as_float() : std::strtod(digits().c_str(), nullptr);
}

const Value* Value::find(const Value& key) const {
  if (!is_map()) return nullptr;
  const auto found = std::find_if(entries().begin(), entries().end(), [&](const auto& e) { return e.first == key; });
  return found == entries().end() ? nullptr : &found->second;
}

const Value* Value::find(std::string_view key) const {
  if (!is_map()) return nullptr;
  for (const auto& [name, value] : entries()) {
    if (name.is_string() && name.as_string() == key) return &value;
  }
  return nullptr;
}

Value& Value::set(const Value& key, Value value) {
  if (Value* found = find(key)) return *found = std::move(value);
  return entries().emplace_back(key, std::move(value)).second;
}

bool Value::erase(std::string_view key) {
  return std::erase_if(entries(), [&](const auto& e) { return e.first.is_string() && e.first.as_string() == key; }) > 0;
}

std::size_t Value::nodes() const {
  std::size_t count = 0;
  for_each_node(*this, [&](const std::string&, const Value&) { ++count; });
  return count;
}

void Value::set_origin_deep(const Origin& origin) {
  origin_ = origin;
  if (is_list()) {
    for (auto& item : items()) item.set_origin_deep(origin);
  } else if (is_map()) {
    for (auto& [key, item] : entries()) {
      key.set_origin_deep(origin);
      item.set_origin_deep(origin);
    }
  }
}

bool operator==(const Value& a, const Value& b) {
  if (counts(a) && counts(b)) {
    return a.is_int() && b.is_int() ? a.digits() == b.digits() : a.as_number() == b.as_number();
  }
  if (a.kind() != b.kind()) return false;
  if (a.is_string()) return a.as_string() == b.as_string();
  if (a.is_list()) return a.items() == b.items();
  if (!a.is_map()) return true;  // both null
  return a.size() == b.size() && std::all_of(a.entries().begin(), a.entries().end(), [&](const auto& entry) {
           const Value* other = b.find(entry.first);
           return other && *other == entry.second;
         });
}

std::vector<std::string> split_path(std::string_view path) {
  // The head: everything up to the first bracket, split at dots. A path that starts with a bracket has no head.
  std::vector<std::string> steps;
  std::size_t at = 0;
  const std::size_t head = std::min(path.find('['), path.size());
  for (std::size_t dot; (dot = path.find('.', at)) < head; at = dot + 1) steps.emplace_back(path.substr(at, dot - at));
  if (head == path.size() || at < head) steps.emplace_back(path.substr(at, head - at));
  for (at = head; at < path.size();) {
    if (path[at] == '[') {
      const auto close = path.find(']', at);
      if (close == std::string_view::npos) break;
      steps.emplace_back(path.substr(at + 1, close - at - 1));
      at = close + 1;
    } else if (path[at] == '.') {
      const auto end = std::min(path.find_first_of(".[", at + 1), path.size());
      steps.emplace_back(path.substr(at + 1, end - at - 1));
      at = end;
    } else {
      ++at;
    }
  }
  return steps;
}

std::string join_path(const std::string& path, const std::string& step) {
  return path.empty() ? step : path + "." + step;
}

const Value* find_item(const Value& list, std::string_view step) {
  const auto position = whole_number<std::size_t>(step);
  return position && *position < list.size() ? &list.items()[*position] : nullptr;
}

const Value* find_path(const Value& root, std::string_view path) {
  const Value* node = &root;
  if (path.empty()) return node;
  for (const auto& step : split_path(path)) {
    node = node->is_list() ? find_item(*node, step) : node->find(step);
    if (!node) return nullptr;
  }
  return node;
}

Value* find_path(Value& root, std::string_view path) {
  return const_cast<Value*>(find_path(std::as_const(root), path));
}

void for_each_node(const Value& node, const std::function<void(const std::string& path, const Value& node)>& visit,
                   const std::string& path) {
  visit(path, node);
  if (node.is_list()) {
    for (std::size_t i = 0; i < node.size(); ++i) {
      for_each_node(node.items()[i], visit, join_path(path, std::to_string(i)));
    }
  } else if (node.is_map()) {
    for (const auto& [key, item] : node.entries()) for_each_node(item, visit, join_path(path, python_str(key)));
  }
}

nlohmann::json to_json(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull: return nullptr;
    case Kind::kBool: return value.as_bool();
    case Kind::kInt:
      if (const auto number = value.as_int()) return *number;
      return value.as_number();
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
