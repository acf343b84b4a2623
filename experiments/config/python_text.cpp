#include "experiments/config/python_text.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

namespace scalselect::config {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The text in lower case without blanks around it and without the underscores between its digits; nullopt if an
/// underscore lies elsewhere, or if nothing is left.
std::optional<std::string> number_text(std::string_view text) {
  text = strip(text);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') out += text[i];
    else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) return std::nullopt;
  }
  if (out.empty()) return std::nullopt;
  return lower_ascii(out);
}

std::string_view without_sign(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text;
}

}  // namespace

std::string float_repr(double value) {
  std::string text = fmt::format("{}", std::isnan(value) ? std::abs(value) : value);
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

std::string_view strip(std::string_view text) {
  const std::string_view blanks = " \t\n\r\f\v";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<double> parse_python_float(std::string_view text) {
  const auto number = number_text(text);
  if (!number) return std::nullopt;
  const std::string_view body = without_sign(*number);
  const bool named = body == "inf" || body == "infinity" || body == "nan";
  if (!named && body.find_first_not_of("0123456789.e+-") != std::string_view::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(number->c_str(), &end);  // locale: the program never leaves "C"
  if (end != number->c_str() + number->size()) return std::nullopt;
  return value;
}

std::optional<std::string> parse_python_int(std::string_view text) {
  const auto number = number_text(text);
  if (!number) return std::nullopt;
  const std::string_view body = without_sign(*number);
  if (body.empty() || body.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  const auto first = body.find_first_not_of('0');
  if (first == std::string_view::npos) return "0";
  return (number->starts_with('-') ? "-" : "") + std::string(body.substr(first));
}

}  // namespace scalselect::config
