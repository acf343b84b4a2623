#include "experiments/config/scalar_rules.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <regex>
#include <string_view>

#include "experiments/config/python_text.h"
#include "experiments/config/refuse.h"

namespace scalselect::config {
namespace {

bool any_of(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_bool_word(const std::string& text) {
  return any_of(text, {"yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false", "False", "FALSE", "on",
                       "On", "ON", "off", "Off", "OFF"});
}

bool is_null_word(const std::string& text) { return any_of(text, {"", "~", "null", "Null", "NULL"}); }

/// std::regex recurses per character, so a text that is too long for a number is none.
bool matches(const std::string& text, const std::regex& rule) {
  constexpr std::size_t kLongest = 1000;
  return text.size() <= kLongest && std::regex_match(text, rule);
}

bool is_yaml_float(const std::string& text) {
  static const std::regex rule(
      R"(^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)"
      R"(|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$)",
      std::regex::optimize);
  return matches(text, rule);
}

/// OmegaConf's addition: exponents without sign and without point.
bool is_omega_float(const std::string& text) {
  static const std::regex rule(
      R"(^(?:[-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+))"
      R"(|\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*)$)",
      std::regex::optimize);
  return matches(text, rule);
}

bool is_yaml_int(const std::string& text) {
  static const std::regex rule(R"(^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)"
                               R"(|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$)",
                               std::regex::optimize);
  return matches(text, rule);
}

bool is_time_stamp(const std::string& text) {
  static const std::regex rule(
      R"(^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2})"
      R"((?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?)$)",
      std::regex::optimize);
  return matches(text, rule);
}

/// A number's digits in lower case, without underscores and sign, and whether the sign was a minus.
struct Digits {
  std::string text;
  bool negative;
};

Digits digits_of(const std::string& raw) {
  std::string text = lower_ascii(raw);
  std::erase(text, '_');
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.erase(0, 1);
  return {text, negative};
}

/// "1:30:05" in base 60, least significant last.
double sexagesimal(const std::string& text) {
  double total = 0;
  for (std::size_t start = 0; start <= text.size();) {
    const auto colon = std::min(text.find(':', start), text.size());
    total = total * 60 + std::strtod(text.substr(start, colon - start).c_str(), nullptr);
    start = colon + 1;
  }
  return total;
}

Value make_float(const std::string& raw) {
  const auto [text, negative] = digits_of(raw);
  const double size = text == ".inf"                        ? HUGE_VAL
                      : text == ".nan"                      ? std::nan("")
                      : text.find(':') != std::string::npos ? sexagesimal(text)
                                                            : std::strtod(text.c_str(), nullptr);
  return Value::floating(negative ? -size : size);
}

Value make_int(const std::string& raw) {
  const auto [text, negative] = digits_of(raw);
  const std::string sign = negative ? "-" : "";
  const int base = text.starts_with("0b") ? 2 : text.starts_with("0x") ? 16 : text.starts_with('0') ? 8 : 10;
  if (base == 10 && text.find(':') == std::string::npos) return Value::integer(sign + text);
  const char* digits = text.c_str() + (base == 2 || base == 16 ? 2 : 0);
  if (*digits == '\0') refuse("'" + raw + "' is not a number.", "Quote it if it is meant as text.");
  const auto size =
      base == 10 ? static_cast<unsigned long long>(sexagesimal(text)) : std::strtoull(digits, nullptr, base);
  return Value::integer((size == 0 ? "" : sign) + std::to_string(size));
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
  if (is_null_word(text)) return Value();
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
