// The tree a configuration is made of: ordered, typed like OmegaConf's untyped nodes, copied by value.
//
// yaml-cpp's own nodes alias when copied and forget how a scalar was written, so they are turned into this tree at
// once. A string that holds `${` is an interpolation and the string `???` is a mandatory value that is not set yet
// (whether quoted or not: OmegaConf makes no difference); both are kept as text until the configuration is resolved.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scalselect::config {

/// Where a node was written. `line` is 1-based; 0 means the whole file, or that `file` is a command-line word.
struct Origin {
  std::string file;
  int line = 0;

  /// "conf/method/x.yaml:3", "the override 'a=1'", or "" if unknown.
  std::string text() const;
};

enum class Kind { kNull, kBool, kInt, kFloat, kString, kList, kMap };

/// "NoneType", "bool", "int", "float", "str", "list", "dict": the names Hydra's messages use.
std::string_view kind_name(Kind kind) noexcept;

// What people write stays far below these; beyond them a text is refused, before it costs memory or the stack.
inline constexpr std::size_t kMaxDepth = 100;     ///< lists and maps inside each other, steps of a dotted key
inline constexpr std::size_t kMaxNodes = 100000;  ///< values of one configuration, aliases and interpolations expanded
inline constexpr std::size_t kMaxText = 1000000;  ///< bytes of one value

class Value {
 public:
  using List = std::vector<Value>;
  using Map = std::vector<std::pair<Value, Value>>;  ///< keys are scalars (not null); insertion order kept

  Value() = default;  ///< null
  static Value null() { return {}; }
  static Value boolean(bool value);
  static Value integer(std::int64_t value);
  /// A whole number of any size: decimal text with an optional '-'. Becomes kInt; `big()` tells if it exceeds 64 bits.
  static Value big_integer(const std::string& digits);
  static Value floating(double value);
  static Value string(std::string value);
  static Value list(List items = {});
  static Value map(Map items = {});

  Kind kind() const noexcept { return kind_; }
  bool is_null() const noexcept { return kind_ == Kind::kNull; }
  bool is_bool() const noexcept { return kind_ == Kind::kBool; }
  bool is_int() const noexcept { return kind_ == Kind::kInt; }
  bool is_float() const noexcept { return kind_ == Kind::kFloat; }
  bool is_string() const noexcept { return kind_ == Kind::kString; }
  bool is_list() const noexcept { return kind_ == Kind::kList; }
  bool is_map() const noexcept { return kind_ == Kind::kMap; }
  bool is_container() const noexcept { return is_list() || is_map(); }
  bool is_missing() const noexcept { return is_string() && text_ == "???"; }
  bool is_interpolation() const noexcept { return is_string() && text_.find("${") != std::string::npos; }
  bool big() const noexcept { return is_int() && !text_.empty(); }

  // Contents; asserts the kind.
  bool as_bool() const;
  std::int64_t as_int() const;
  double as_float() const;
  const std::string& as_string() const;
  const std::string& big_digits() const { return text_; }
  const List& items() const;
  List& items();
  const Map& entries() const;
  Map& entries();

  /// Map entry by key (null if there is none or this is no map). Keys compare as in Python: 1 == 1.0 == true.
  const Value* find(const Value& key) const;
  Value* find(const Value& key);
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  /// Replaces the entry in its place, or appends it.
  Value& set(const Value& key, Value value);
  Value& set(std::string_view key, Value value);
  /// False if there is no such key.
  bool erase(const Value& key);
  bool erase(std::string_view key);
  std::size_t size() const;   ///< of a list or map
  std::size_t nodes() const;  ///< this one and all below

  const Origin& origin() const noexcept { return origin_; }
  void set_origin(Origin origin) { origin_ = std::move(origin); }
  /// For this node and everything below.
  void set_origin_deep(const Origin& origin);

  /// Python's `==`: numbers compare by value (1 == 1.0 == true), maps without order.
  friend bool operator==(const Value& a, const Value& b);

 private:
  Kind kind_ = Kind::kNull;
  bool bool_ = false;
  std::int64_t int_ = 0;
  double float_ = 0;
  std::string text_;  // string, or the digits of an integer beyond 64 bits
  List list_;
  Map map_;
  Origin origin_;
};

/// Python's `str(value)`: null is "None", true is "True", 1.0 is "1.0", containers are printed as Python prints them.
std::string python_str(const Value& value);
/// Python's `repr(value)`: strings quoted.
std::string python_repr(const Value& value);

/// Node at a dotted path ("a.b", "list.0", "list[0]"), no interpolation applied; null pointer if absent.
const Value* find_path(const Value& root, std::string_view path);
Value* find_path(Value& root, std::string_view path);

/// "a.b", "a[b]", ".a" split as OmegaConf splits keys.
std::vector<std::string> split_path(std::string_view path);

/// Conversion for `bind_options`: map keys become strings, integers beyond 64 bits become doubles, `???` stays text.
nlohmann::json to_json(const Value& value);

}  // namespace scalselect::config
