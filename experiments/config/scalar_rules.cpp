#include "experiments/config/scalar_rules.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <regex>
#include <string_view>

#include "core/error.h"
#include "experiments/config/python_text.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace {

bool any_of(const std::string& text, std::initializer_list<std::string_view> words) {
  for (const auto word : words) {
    if (text == word) return true;
  }
  return false;
}

bool is_bool_word(const std::string& text) {
  return any_of(text, {"yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false", "False", "FALSE", "on",
                       "On", "ON", "off", "Off", "OFF"});
}

bool is_null_word(const std::string& text) { return any_of(text, {"", "~", "null", "Null", "NULL"}); }

bool is_yaml_float(const std::string& text) {
  static const std::regex rule(
      R"(^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)"
      R"(|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$)",
      std::regex::optimize);
  return std::regex_match(text, rule);
}

/// OmegaConf's addition: exponents without sign and without point.
bool is_omega_float(const std::string& text) {
  static const std::regex rule(
      R"(^(?:[-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+))"
      R"(|\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*)$)",
      std::regex::optimize);
  return std::regex_match(text, rule);
}

bool is_yaml_int(const std::string& text) {
  static const std::regex rule(R"(^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)"
                               R"(|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$)",
                               std::regex::optimize);
  return std::regex_match(text, rule);
}

bool is_time_stamp(const std::string& text) {
  static const std::regex rule(
      R"(^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2})"
      R"((?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?)$)",
      std::regex::optimize);
  return std::regex_match(text, rule);
}

std::string without_underscores(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != '_') out += c;
  }
  return out;
}

/// "1:30:05" in base 60, least significant last.
double sexagesimal(const std::string& text) {
  double total = 0;
  std::size_t start = 0;
  while (start <= text.size()) {
    const auto colon = std::min(text.find(':', start), text.size());
    total = total * 60 + std::strtod(text.substr(start, colon - start).c_str(), nullptr);
    start = colon + 1;
  }
  return total;
}

Value make_float(const std::string& raw) {
  std::string text = lower_ascii(without_underscores(raw));
  double sign = 1;
  if (text[0] == '-') sign = -1;
  if (text[0] == '-' || text[0] == '+') text.erase(0, 1);
  if (text == ".inf") return Value::floating(sign * HUGE_VAL);
  if (text == ".nan") return Value::floating(std::nan(""));
  if (text.find(':') != std::string::npos) return Value::floating(sign * sexagesimal(text));
  return Value::floating(sign * std::strtod(text.c_str(), nullptr));
}

Value make_int(const std::string& raw) {
  std::string text = without_underscores(raw);
  const bool negative = text[0] == '-';
  if (text[0] == '-' || text[0] == '+') text.erase(0, 1);
  const auto signed_value = [&](unsigned long long v) {
    return Value::big_integer((negative && v ? "-" : "") + std::to_string(v));
  };
  const auto in_base = [&](const std::string& digits, int base) {
    if (digits.empty()) {
      throw UserError(ErrorKind::kUsage, "'" + raw + "' is not a number.", "Quote it if it is meant as text.");
    }
    return signed_value(std::strtoull(digits.c_str(), nullptr, base));
  };
  if (text == "0") return Value::integer(0);
  if (text.starts_with("0b")) return in_base(text.substr(2), 2);
  if (text.starts_with("0x")) return in_base(text.substr(2), 16);
  if (text[0] == '0') return in_base(text, 8);
  if (text.find(':') != std::string::npos) return signed_value(static_cast<unsigned long long>(sexagesimal(text)));
  return Value::big_integer((negative ? "-" : "") + text);
}

}  // namespace

bool resolves_to_string(const std::string& text) {
  return !(is_bool_word(text) || is_yaml_float(text) || is_yaml_int(text) || text == "<<" || is_null_word(text) ||
           is_time_stamp(text) || text == "=");
}

bool looks_like_number_or_bool(const std::string& text) {
  return is_bool_word(text) || any_of(text, {"y", "Y", "n", "N"}) || parse_python_int(text).has_value() ||
         parse_python_float(text).has_value();
}

Value type_plain_scalar(const std::string& text) {
  if (is_null_word(text)) return Value::null();
  if (is_bool_word(text)) {
    const std::string word = lower_ascii(text);
    return Value::boolean(word == "yes" || word == "true" || word == "on");
  }
  const char first = text[0];
  if (first != '-' && first != '+' && first != '.' && !(first >= '0' && first <= '9')) return Value::string(text);
  if (is_yaml_float(text)) return make_float(text);
  if (is_yaml_int(text)) return make_int(text);
  if (is_omega_float(text)) return make_float(text);
  return Value::string(text);
}

}  // namespace scalselect::config
