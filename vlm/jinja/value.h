// Values of a template: Python's, as far as chat templates use them.
//
// Lists and dicts cannot be changed once made (Jinja2's ImmutableSandboxedEnvironment forbids it too), so that copies
// share them. Texts are UTF-8, counted and cut by code points.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "vlm/jinja/limits.h"

namespace scalselect::vlm::jinja {

class Value;
struct Sequence;
struct Dict;

/// The arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Something with attributes of its own: a namespace, the `loop` of a for.
class Object {
 public:
  virtual ~Object() = default;
  virtual std::optional<Value> attribute(const std::string& name) = 0;
  virtual std::string describe() const = 0;
  virtual void clear() = 0;  ///< lets go of all values: objects may hold each other in a circle
};

struct Callable {
  std::string name;
  std::function<Value(const Arguments&)> call;
  int nesting = 0;  ///< of a method's object
};

/// What a name without a value gives: prints as nothing, counts as false, is empty to iterate over; every other use
/// raises the message.
struct Undefined {
  std::string message;
};

class Value {
 public:
  enum class Type { kUndefined, kNone, kBool, kInt, kFloat, kString, kSequence, kDict, kObject, kCallable };

  Value() : data_(std::monostate()) {}                                                      ///< None
  Value(bool value) : data_(value) {}                                                       // NOLINT
  Value(int value) : data_(std::int64_t{value}) {}                                          // NOLINT
  Value(std::int64_t value) : data_(value) {}                                               // NOLINT
  Value(double value) : data_(value) {}                                                     // NOLINT
  Value(std::string text) : data_(std::make_shared<const std::string>(std::move(text))) {}  // NOLINT
  Value(std::string_view text) : Value(std::string(text)) {}                                // NOLINT
  Value(const char* text) : Value(std::string(text)) {}                                     // NOLINT
  Value(std::shared_ptr<Sequence> sequence) : data_(std::move(sequence)) {}                 // NOLINT
  Value(std::shared_ptr<const Dict> dict) : data_(std::move(dict)) {}                       // NOLINT
  Value(std::shared_ptr<Object> object) : data_(std::move(object)) {}                       // NOLINT
  static Value undefined(std::string message);
  static Value callable(std::string name, std::function<Value(const Arguments&)> call, int nesting = 0);
  static Value list(std::vector<Value> items);
  /// Of Unicode text; NaN and infinities as Python's json reads them. Throws Error beyond kMostNesting.
  static Value from_json(const nlohmann::json& tree);
  static Value from_json(const nlohmann::ordered_json& tree);

  Type type() const { return static_cast<Type>(kTypes[data_.index()]); }
  bool is(Type type) const { return this->type() == type; }
  bool is_undefined() const { return is(Type::kUndefined); }
  bool is_none() const { return is(Type::kNone); }
  bool is_string() const { return is(Type::kString); }
  bool is_number() const { return is(Type::kBool) || is(Type::kInt) || is(Type::kFloat); }
  bool is_integer() const { return is(Type::kBool) || is(Type::kInt); }  ///< Python's bool is an int

  const std::string& string() const { return *std::get<std::shared_ptr<const std::string>>(data_); }
  std::int64_t integer() const;  ///< of is_integer
  double number() const;         ///< of is_number
  Sequence& sequence() const { return *std::get<std::shared_ptr<Sequence>>(data_); }
  const Dict& dict() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
  Object& object() const { return *std::get<std::shared_ptr<Object>>(data_); }
  const std::shared_ptr<Object>& shared_object() const { return std::get<std::shared_ptr<Object>>(data_); }
  const Callable& callable() const { return *std::get<std::shared_ptr<const Callable>>(data_); }
  const std::string& undefined_message() const { return std::get<std::shared_ptr<const Undefined>>(data_)->message; }
  [[noreturn]] void raise_undefined() const { throw Error(undefined_message()); }
  bool same_object(const Value& other) const;  ///< Python's `is`
  int nesting() const;                         ///< levels of lists and dicts
  /// What it takes to go through it: entries, however deep, and 64 bytes of text at a time.
  std::int64_t weight() const;

 private:
  static constexpr int kTypes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0};
  std::variant<std::monostate, bool, std::int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<Sequence>, std::shared_ptr<const Dict>, std::shared_ptr<Object>,
               std::shared_ptr<const Callable>, std::shared_ptr<const Undefined>>
      data_;
};

/// A generator has neither length nor index, counts as true, and is used up by whoever reads it.
struct Sequence {
  enum class Kind { kList, kTuple, kRange, kGenerator, kView };
  Kind kind = Kind::kList;
  std::vector<Value> items;
  std::string name;  ///< of a view: dict_items, dict_keys, dict_values
  int nesting = 1;
  std::int64_t weight = 1;
};
/// Throws Error beyond kMostNesting, or for more than kMostSteps entries, counted as often as they can be reached.
Value make_sequence(Sequence::Kind kind, std::vector<Value> items, std::string name = {});

/// In the order of insertion.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  int nesting = 1;
  std::int64_t weight = 1;

  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
};
/// Later entries replace earlier ones in their places. Throws Error as make_sequence does.
Value make_dict(const std::vector<std::pair<Value, Value>>& entries, Budget& budget);

bool truth(const Value& value);
bool equal(const Value& a, const Value& b);
bool equal(const Value& a, const Value& b, Budget& budget);
/// < 0, 0 or > 0. Throws Error for types without an order between them.
int compare(const Value& a, const Value& b);
/// Python's str() and repr(). Throw Error for a text beyond kMostText.
std::string to_text(const Value& value, Budget& budget);
std::string to_repr(const Value& value);
std::string float_repr(double value);
/// Python's name of the type: "str", "list".
std::string type_name(const Value& value);
/// len(). Throws Error where there is none.
std::int64_t length(const Value& value);
/// What a for loop sees: entries, keys, characters. Uses up a generator. Throws Error for what is not iterable.
std::vector<Value> iterate(const Value& value, Budget& budget);
/// Python's json.dumps. Throws Error for what JSON cannot hold.
struct JsonStyle {
  bool ascii = false, sort_keys = false;
  std::optional<std::string> indent;
  std::string item_separator = ", ", key_separator = ": ";
};
std::string to_json(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace scalselect::vlm::jinja
