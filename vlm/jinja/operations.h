// What Python's operators, methods and Jinja2's filters and tests do to values.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "vlm/jinja/value.h"

namespace scalselect::vlm::jinja {

/// Arguments by the names of a function's parameters.
class Parameters {
 public:
  /// Throws Error for too many arguments, and for a name that is not among them.
  Parameters(const std::string& callee, const Arguments& given, std::initializer_list<const char*> names);
  /// null: not given.
  const Value* find(std::string_view name) const;
  const Value& require(std::string_view name) const;
  bool flag(std::string_view name, bool otherwise = false) const;
  /// Throws Error unless it is a whole number.
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  std::int64_t integer(std::string_view name) const;
  const std::string& text(std::string_view name) const;  ///< throws Error unless it is a text
  /// null for one that is absent or None.
  const std::string* optional_text(std::string_view name) const;

 private:
  std::string callee_;
  std::vector<std::pair<std::string_view, const Value*>> bound_;
};

std::int64_t require_integer(const Value& value);
const std::string& require_text(const Value& value);

/// +, -, *, /, //, %, **. Throws Error as Python raises TypeError, and for integers beyond 64 bits.
Value arithmetic(const std::string& op, const Value& left, const Value& right, Budget& budget);
Value negative(const Value& value, bool negate);
bool contains(const Value& container, const Value& item, Budget& budget);
/// object.name, and object[key]: an undefined value where there is none. Throws Error for an undefined object.
Value attribute(const Value& object, const std::string& name, Budget& budget);
Value item(const Value& object, const Value& key, Budget& budget);
Value slice(const Value& object, const Value& first, const Value& last, const Value& step, Budget& budget);
/// "a.b.0" from object.
Value dotted(const Value& object, const Value& path, Budget& budget);
/// Undefined for an unknown name.
Value text_method(const Value& object, const std::string& name, Budget& budget);
Value container_method(const Value& object, const std::string& name, Budget& budget);
/// '%s' % values.
std::string percent_format(const std::string& format, const Value& values, Budget& budget);

Value apply_filter(const std::string& name, const Value& operand, const Arguments& arguments, Budget& budget);
bool apply_test(const std::string& name, const Value& operand, const Arguments& arguments, Budget& budget);
bool is_filter(const std::string& name);
bool is_test(const std::string& name);

}  // namespace scalselect::vlm::jinja
