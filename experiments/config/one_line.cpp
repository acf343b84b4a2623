// One walker over trees, three notations.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/utf8.h"
#include "experiments/config/python_text.h"
#include "experiments/config/quoting.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

struct Notation {
  const char *null, *yes, *no, *comma, *colon;
  std::string (*string)(const Value& value);
  std::string (*number)(double value);
  bool quotes_keys;  ///< that are not strings
};

std::string write(const Value& value, const Notation& notation) {
  std::string out;
  switch (value.kind()) {
    case Kind::kNull: return notation.null;
    case Kind::kBool: return value.as_bool() ? notation.yes : notation.no;
    case Kind::kInt: return value.digits();
    case Kind::kFloat: return notation.number(value.as_float());
    case Kind::kString: return notation.string(value);
    case Kind::kList:
      for (const auto& item : value.items()) out += (out.empty() ? "" : notation.comma) + write(item, notation);
      return "[" + out + "]";
    case Kind::kMap:
      for (const auto& [key, item] : value.entries()) {
        const char* quote = notation.quotes_keys && !key.is_string() ? "\"" : "";
        out += (out.empty() ? "" : notation.comma) + (quote + write(key, notation)) + quote + notation.colon;
        out += write(item, notation);
      }
      return "{" + out + "}";
  }
  return out;
}

/// Python's `repr(str)`: single quotes unless the text holds only single quotes; control characters escaped.
std::string string_repr(const Value& value) {
  const std::string& text = value.as_string();
  const bool has_single = text.find('\'') != std::string::npos;
  const char quote = has_single && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) {
    const auto [c, bytes, valid] = decode_utf8(text, at);
    at += bytes;
    if (c == static_cast<char32_t>(quote) || c == U'\\') out += {'\\', static_cast<char>(c)};
    else if (c == U'\n') out += "\\n";
    else if (c == U'\r') out += "\\r";
    else if (c == U'\t') out += "\\t";
    else if (c < 0x20 || (c >= 0x7F && c < 0xA1) || c == 0xAD) out += fmt::format("\\x{:02x}", std::uint32_t{c});
    else append_utf8(out, c);
  }
  return out + quote;
}

std::string json_string(const Value& value) {
  return nlohmann::json(value.as_string()).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string json_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return float_repr(value);
}

std::string override_string(const Value& value) {
  return value.quote() ? with_quotes(value.as_string(), value.quote()) : escape_special(value.as_string());
}

const Notation kPython{"None", "True", "False", ", ", ": ", string_repr, float_repr, false};
const Notation kJson{"null", "true", "false", ", ", ": ", json_string, json_number, true};
const Notation kOverride{"null", "True", "False", ",", ":", override_string, float_repr, false};

}  // namespace

std::string python_str(const Value& value) { return value.is_string() ? value.as_string() : python_repr(value); }
std::string python_repr(const Value& value) { return write(value, kPython); }
std::string json_line(const Value& value) { return write(value, kJson); }
std::string override_text(const Value& value) { return write(value, kOverride); }

}  // namespace scalselect::config
