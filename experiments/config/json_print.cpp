#include <fmt/format.h>

#include <cmath>

#include "experiments/config/python_text.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return float_repr(value);
}

std::string scalar_text(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull: return "null";
    case Kind::kBool: return value.as_bool() ? "true" : "false";
    case Kind::kFloat: return number_text(value.as_float());
    case Kind::kString: return json_string(value.as_string());
    default: return python_str(value);
  }
}

void write(std::string& out, const Value& value, int indent, int depth) {
  const auto new_line = [&](int levels) {
    if (indent >= 0) out += "\n" + std::string(static_cast<std::size_t>(indent * levels), ' ');
  };
  if (!value.is_container()) {
    out += scalar_text(value);
    return;
  }
  const bool list = value.is_list();
  out += list ? '[' : '{';
  bool first = true;
  const auto separate = [&] {
    if (!first) out += indent >= 0 ? "," : ", ";
    first = false;
    new_line(depth + 1);
  };
  if (list) {
    for (const auto& item : value.items()) {
      separate();
      write(out, item, indent, depth + 1);
    }
  } else {
    for (const auto& [key, item] : value.entries()) {
      separate();
      out += key.is_string() ? scalar_text(key) : "\"" + scalar_text(key) + "\"";
      out += ": ";
      write(out, item, indent, depth + 1);
    }
  }
  if (!first) new_line(depth);
  out += list ? ']' : '}';
}

}  // namespace

std::string to_json_text(const Value& value, int indent) {
  std::string out;
  write(out, value, indent, 0);
  return out + "\n";
}

}  // namespace scalselect::config
