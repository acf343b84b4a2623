// The tree a configuration is made of: ordered, typed like OmegaConf's untyped nodes, copied by value.
//
// yaml-cpp's own nodes alias when copied and forget how a scalar was written, so they are turned into this tree at
// once. A string that holds `${` is an interpolation and the string `???` is a mandatory value that is not set yet
// (whether quoted or not: OmegaConf makes no difference); both are kept as text until the configuration is resolved.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace scalselect::config {

/// Where a node was written. `line` is 1-based; 0 means the whole file, or that `file` is a command-line word.
struct Origin {
  std::string file;
  int line = 0;

  /// "conf/method/x.yaml:3", "the override 'a=1'", or "" if unknown.
  std::string text() const;
};

enum class Kind { kNull, kBool, kInt, kFloat, kString, kList, kMap };  // in the order of Value's alternatives

/// "NoneType", "bool", "int", "float", "str", "list", "dict": the names Hydra's messages use.
std::string kind_name(Kind kind);

// What people write stays far below these; beyond them a text is refused, before it costs memory or the stack.
inline constexpr std::size_t kMaxDepth = 100;     ///< lists and maps inside each other, steps of a dotted key
inline constexpr std::size_t kMaxNodes = 100000;  ///< values of one configuration, aliases and interpolations expanded
inline constexpr std::size_t kMaxText = 1000000;  ///< bytes of one value

class Value {
 public:
  using List = std::vector<Value>;
  using Map = std::vector<std::pair<Value, Value>>;  ///< keys are scalars (not null); insertion order kept

  Value() = default;  ///< null
  static Value boolean(bool value) { return Value(Data(value)); }
  static Value integer(std::int64_t value) { return integer(std::to_string(value)); }
  /// Of any size: decimal digits without leading zeros, perhaps after a '-'.
  static Value integer(std::string digits) { return Value(Data(Integer{std::move(digits)})); }
  static Value floating(double value) { return Value(Data(value)); }
  static Value string(std::string value) { return Value(Data(std::move(value))); }
  static Value list(List items = {}) { return Value(Data(std::move(items))); }
  static Value map(Map items = {}) { return Value(Data(std::move(items))); }

  Kind kind() const noexcept { return static_cast<Kind>(data_.index()); }
  bool is_null() const noexcept { return kind() == Kind::kNull; }
  bool is_bool() const noexcept { return kind() == Kind::kBool; }
  bool is_int() const noexcept { return kind() == Kind::kInt; }
  bool is_float() const noexcept { return kind() == Kind::kFloat; }
  bool is_string() const noexcept { return kind() == Kind::kString; }
  bool is_list() const noexcept { return kind() == Kind::kList; }
  bool is_map() const noexcept { return kind() == Kind::kMap; }
  bool is_container() const noexcept { return is_list() || is_map(); }
  bool is_number() const noexcept { return is_int() || is_float(); }
  bool is_missing() const noexcept { return is_string() && as_string() == "???"; }
  bool is_interpolation() const noexcept { return is_string() && as_string().find("${") != std::string::npos; }

  // Contents, of a value of that kind.
  bool as_bool() const { return std::get<bool>(data_); }
  double as_float() const { return std::get<double>(data_); }
  const std::string& as_string() const { return std::get<std::string>(data_); }
  const std::string& digits() const { return std::get<Integer>(data_).digits; }
  const List& items() const { return std::get<List>(data_); }
  List& items() { return std::get<List>(data_); }
  const Map& entries() const { return std::get<Map>(data_); }
  Map& entries() { return std::get<Map>(data_); }

  /// An integer, if it fits into 64 bits.
  std::optional<std::int64_t> as_int() const;
  /// A number or boolean as Python converts it; an integer may lose digits.
  double as_number() const;

  /// Map entry by key (null if there is none or this is not a map). Keys compare as in Python: 1 == 1.0 == true.
  const Value* find(const Value& key) const;
  Value* find(const Value& key) { return const_cast<Value*>(std::as_const(*this).find(key)); }
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }
  /// Replaces the entry in its place, or appends it.
  Value& set(const Value& key, Value value);
  Value& set(std::string_view key, Value value) { return set(string(std::string(key)), std::move(value)); }
  /// False if there is no such key.
  bool erase(std::string_view key);
  std::size_t size() const { return is_list() ? items().size() : entries().size(); }  ///< of a list or map
  std::size_t nodes() const;                                                          ///< this one and all below

  const Origin& origin() const noexcept { return origin_; }
  void set_origin(Origin origin) { origin_ = std::move(origin); }
  /// For this node and everything below.
  void set_origin_deep(const Origin& origin);

  /// The quotes around a string of the command line, which the words of a sweep's jobs repeat; 0: none.
  char quote() const noexcept { return quote_; }
  void set_quote(char quote) { quote_ = quote; }

  /// Python's `==`: numbers compare by value (1 == 1.0 == true), maps without order.
  friend bool operator==(const Value& a, const Value& b);

 private:
  struct Integer {
    std::string digits;
  };
  using Data = std::variant<std::monostate, bool, Integer, double, std::string, List, Map>;
  explicit Value(Data data) : data_(std::move(data)) {}

  Data data_;
  Origin origin_;
  char quote_ = 0;
};

/// "a.b", "a[b]", ".a" split as OmegaConf splits keys.
std::vector<std::string> split_path(std::string_view path);
/// `step` below `path`, which may be empty.
std::string join_path(const std::string& path, const std::string& step);
/// The item of a list that `step` counts from 0; null if it is not a position in it.
const Value* find_item(const Value& list, std::string_view step);
/// Node at a dotted path ("a.b", "list.0", "list[0]"), no interpolation applied; null pointer if absent.
const Value* find_path(const Value& root, std::string_view path);
Value* find_path(Value& root, std::string_view path);

/// Calls `visit` for `node`, which lies at `path`, and for everything below it, in order.
void for_each_node(const Value& node, const std::function<void(const std::string& path, const Value& node)>& visit,
                   const std::string& path = {});

/// Conversion for `bind_options`: map keys become strings, integers beyond 64 bits become doubles, `???` stays text.
nlohmann::json to_json(const Value& value);

}  // namespace scalselect::config
