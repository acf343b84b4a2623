// Python's '%s' % values.
#include <algorithm>

#include "vlm/jinja/operations.h"

namespace scalselect::vlm::jinja {
namespace {

using Type = Value::Type;

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
