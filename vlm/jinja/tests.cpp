// Jinja2's tests ("x is defined") and Python's %-formatting.
#include <algorithm>
#include <cmath>
#include <map>

#include "vlm/jinja/operations.h"
#include "vlm/jinja/text.h"

namespace scalselect::vlm::jinja {
namespace {

using Type = Value::Type;

struct Call {
  const std::string& name;
  const Value& value;
  const Arguments& given;
  Budget& budget;

  const Value& other() const { return Parameters(name, given, {"other"}).require("other"); }
};
using Test = bool (*)(const Call&);

template <class... Types>
bool is_one_of(const Value& value, Types... types) {
  return (value.is(types) || ...);
}

bool has_items(const Value& value) {
  return is_one_of(value, Type::kUndefined, Type::kString, Type::kDict) ||
         (value.is(Type::kSequence) && value.sequence().kind != Sequence::Kind::kGenerator &&
          value.sequence().kind != Sequence::Kind::kView);
}

std::int64_t rest(const Call& call, std::int64_t by) {
  auto left = arithmetic("%", call.value, by, call.budget);
  return left.is_integer()                        ? left.integer()
         : left.is_number() && left.number() == 1 ? 1
         : left.is_number() && left.number() == 0 ? 0
                                                  : 2;
}

bool is_ordered(const Call& call, bool less, bool same) {
  const auto order = compare(call.value, call.other());
  return order < 0 ? less : order > 0 ? !less : same;
}

bool is_equal(const Call& call) { return equal(call.value, call.other(), call.budget); }

const std::map<std::string_view, Test>& tests() {
  static const std::map<std::string_view, Test> all = {
      {"defined", [](const Call& c) { return !c.value.is_undefined(); }},
      {"undefined", [](const Call& c) { return c.value.is_undefined(); }},
      {"none", [](const Call& c) { return c.value.is_none(); }},
      {"string", [](const Call& c) { return c.value.is_string(); }},
      {"mapping", [](const Call& c) { return c.value.is(Type::kDict); }},
      {"iterable",
       [](const Call& c) { return is_one_of(c.value, Type::kUndefined, Type::kString, Type::kDict, Type::kSequence); }},
      {"sequence", [](const Call& c) { return has_items(c.value); }},
      {"boolean", [](const Call& c) { return c.value.is(Type::kBool); }},
      {"number", [](const Call& c) { return c.value.is_number(); }},
      {"integer", [](const Call& c) { return c.value.is(Type::kInt); }},
      {"float", [](const Call& c) { return c.value.is(Type::kFloat); }},
      {"true", [](const Call& c) { return c.value.is(Type::kBool) && truth(c.value); }},
      {"false", [](const Call& c) { return c.value.is(Type::kBool) && !truth(c.value); }},
      {"callable", [](const Call& c) { return c.value.is(Type::kCallable); }},
      {"escaped", [](const Call&) { return false; }},
      {"sameas", [](const Call& c) { return c.value.same_object(c.other()); }},
      {"in", [](const Call& c) { return contains(c.other(), c.value, c.budget); }},
      {"odd", [](const Call& c) { return rest(c, 2) == 1; }},
      {"even", [](const Call& c) { return rest(c, 2) == 0; }},
      {"divisibleby", [](const Call& c) { return rest(c, require_integer(c.other())) == 0; }},
      {"lower", [](const Call& c) { return is_lower(to_text(c.value, c.budget)); }},
      {"upper", [](const Call& c) { return is_upper(to_text(c.value, c.budget)); }},
      {"filter", [](const Call& c) { return c.value.is_string() && is_filter(c.value.string()); }},
      {"test", [](const Call& c) { return c.value.is_string() && is_test(c.value.string()); }},
      {"eq", is_equal},
      {"equalto", is_equal},
      {"==", is_equal},
      {"ne", [](const Call& c) { return !is_equal(c); }},
      {"!=", [](const Call& c) { return !is_equal(c); }},
      {"lt", [](const Call& c) { return is_ordered(c, true, false); }},
      {"lessthan", [](const Call& c) { return is_ordered(c, true, false); }},
      {"<", [](const Call& c) { return is_ordered(c, true, false); }},
      {"le", [](const Call& c) { return is_ordered(c, true, true); }},
      {"<=", [](const Call& c) { return is_ordered(c, true, true); }},
      {"gt", [](const Call& c) { return is_ordered(c, false, false); }},
      {"greaterthan", [](const Call& c) { return is_ordered(c, false, false); }},
      {">", [](const Call& c) { return is_ordered(c, false, false); }},
      {"ge", [](const Call& c) { return is_ordered(c, false, true); }},
      {">=", [](const Call& c) { return is_ordered(c, false, true); }},
  };
  return all;
}

/// One conversion of a %-format: flags, width and precision as C's.
std::string converted(const std::string& flags, char kind, const Value& value, Budget& budget) {
  const auto digits = std::count_if(flags.begin(), flags.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits > 3 || flags.size() > 8 || std::count(flags.begin(), flags.end(), '.') > 1) {
    throw Error("the format '%" + flags + kind + "' is not supported");
  }
  char out[1500];
  const auto number = [&] {
    if (!value.is_number())
      throw Error("%" + std::string(1, kind) + " format: a real number is required, not " + type_name(value));
    return value.number();
  };
  switch (kind) {
    case 's':
    case 'r': {
      const auto text = kind == 's' ? to_text(value, budget) : to_repr(value);
      if (flags.empty()) return text;
      if (flags.find_first_not_of("-0123456789.") != flags.npos || text.size() > 400) {
        throw Error("the format '%" + flags + kind + "' is not supported");
      }
      const int size = std::snprintf(out, sizeof out, ("%" + flags + "s").c_str(), text.c_str());
      return std::string(out, static_cast<std::size_t>(std::min<int>(size, sizeof out - 1)));
    }
    case 'd':
    case 'i':
    case 'u': {
      const auto whole =
          value.is_integer() ? value.integer() : static_cast<std::int64_t>(std::clamp(number(), -9e18, 9e18));
      const int size = std::snprintf(out, sizeof out, ("%" + flags + "ld").c_str(), static_cast<long>(whole));
      return std::string(out, static_cast<std::size_t>(std::min<int>(size, sizeof out - 1)));
    }
    case 'x':
    case 'X':
    case 'o': {
      const auto whole = require_integer(value);
      if (whole < 0) throw Error("the format '%" + flags + kind + "' of a negative number is not supported");
      const int size =
          std::snprintf(out, sizeof out, ("%" + flags + "l" + kind).c_str(), static_cast<unsigned long>(whole));
      return std::string(out, static_cast<std::size_t>(std::min<int>(size, sizeof out - 1)));
    }
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G': {
      const int size = std::snprintf(out, sizeof out, ("%" + flags + kind).c_str(), number());
      return std::string(out, static_cast<std::size_t>(std::min<int>(size, sizeof out - 1)));
    }
    default: throw Error("unsupported format character '" + std::string(1, kind) + "'");
  }
}

}  // namespace

bool is_test(const std::string& name) { return tests().contains(name); }

bool apply_test(const std::string& name, const Value& operand, const Arguments& arguments, Budget& budget) {
  const auto found = tests().find(name);
  if (found == tests().end()) throw Error("there is no test named '" + name + "'");
  budget.spend(1);
  return found->second({name, operand, arguments, budget});
}

std::string percent_format(const std::string& format, const Value& values, Budget& budget) {
  const bool tuple = values.is(Type::kSequence) && values.sequence().kind == Sequence::Kind::kTuple;
  const auto count = tuple ? values.sequence().items.size() : 1;
  std::size_t next = 0;
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    if (++i < format.size() && format[i] == '%') {
      out += '%';
      continue;
    }
    Value named;
    const bool by_name = i < format.size() && format[i] == '(';
    if (by_name) {
      const auto end = format.find(')', i);
      if (end == format.npos) throw Error("incomplete format key");
      if (!values.is(Type::kDict)) throw Error("format requires a mapping");
      const auto key = format.substr(i + 1, end - i - 1);
      const auto* found = values.dict().find(std::string_view(key));
      if (found == nullptr) throw Error("KeyError: '" + key + "'");
      named = *found;
      i = end + 1;
    }
    const auto end = format.find_first_not_of("-+ #0123456789.", i);
    if (end == format.npos) throw Error("incomplete format");
    if (!by_name && next >= count) throw Error("not enough arguments for format string");
    const auto& value = by_name ? named : tuple ? values.sequence().items[next++] : (++next, values);
    out += converted(format.substr(i, end - i), format[end], value, budget);
    i = end;
    budget.text(0);
    if (out.size() > kMostText) budget.text(out.size());
  }
  if (next < count && !values.is(Type::kDict)) throw Error("not all arguments converted during string formatting");
  budget.text(out.size());
  return out;
}

}  // namespace scalselect::vlm::jinja
