#include "experiments/config/lexical.h"

#include "experiments/config/python_text.h"

namespace scalselect::config::lexical {
namespace {

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

char char_at(std::string_view text, std::size_t at) { return at < text.size() ? text[at] : '\0'; }

/// DIGIT ('_'? DIGIT)*
std::size_t match_digits(std::string_view text, std::size_t at) {
  std::size_t end = at;
  if (!is_digit(char_at(text, end))) return 0;
  ++end;
  while (true) {
    if (is_digit(char_at(text, end))) end += 1;
    else if (char_at(text, end) == '_' && is_digit(char_at(text, end + 1))) end += 2;
    else return end - at;
  }
}

std::size_t match_point_float(std::string_view text, std::size_t at) {
  const std::size_t whole = match_unsigned(text, at);
  if (char_at(text, at + whole) != '.') return 0;
  const std::size_t fraction = match_digits(text, at + whole + 1);
  return whole + fraction > 0 ? whole + 1 + fraction : 0;
}

bool equals_word(std::string_view text, std::size_t at, std::string_view word) {
  return at + word.size() <= text.size() && lower_ascii(text.substr(at, word.size())) == word;
}

std::size_t match_float(std::string_view text, std::size_t start) {
  std::size_t at = start;
  if (char_at(text, at) == '+' || char_at(text, at) == '-') ++at;
  const std::size_t sign = at - start;
  if (equals_word(text, at, "inf") || equals_word(text, at, "nan")) return sign + 3;
  const std::size_t point = match_point_float(text, at);
  const std::size_t mantissa = point ? point : match_unsigned(text, at);
  if (!mantissa) return 0;
  const char e = char_at(text, at + mantissa);
  if (e == 'e' || e == 'E') {
    std::size_t digits = at + mantissa + 1;
    if (char_at(text, digits) == '+' || char_at(text, digits) == '-') ++digits;
    if (const std::size_t exponent = match_digits(text, digits)) return digits + exponent - start;
  }
  return point ? sign + point : 0;
}

std::size_t match_int(std::string_view text, std::size_t at) {
  const std::size_t sign = char_at(text, at) == '+' || char_at(text, at) == '-' ? 1 : 0;
  const std::size_t digits = match_unsigned(text, at + sign);
  return digits ? sign + digits : 0;
}

std::size_t match_escape(std::string_view text, std::size_t at) {
  std::size_t end = at;
  const std::string_view escapable = "\\()[]{}:=, \t";
  while (char_at(text, end) == '\\' && end + 1 < text.size() &&
         escapable.find(text[end + 1]) != std::string_view::npos) {
    end += 2;
  }
  return end - at;
}

}  // namespace

std::size_t match_id(std::string_view text, std::size_t at) {
  if (!is_alpha(char_at(text, at)) && char_at(text, at) != '_') return 0;
  std::size_t end = at + 1;
  while (end < text.size() && (is_alpha(text[end]) || is_digit(text[end]) || text[end] == '_' || text[end] == '-'))
    ++end;
  return end - at;
}

std::size_t match_unsigned(std::string_view text, std::size_t at) {
  if (char_at(text, at) == '0') return 1;
  return match_digits(text, at);
}

std::size_t match_blank(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && (text[end] == ' ' || text[end] == '\t')) ++end;
  return end - at;
}

Lexeme match_word(std::string_view text, std::size_t at) {
  Token best = Token::kEnd;
  std::size_t length = 0;
  const auto offer = [&](Token token, std::size_t matched) {
    if (matched > length) {
      best = token;
      length = matched;
    }
  };
  offer(Token::kFloat, match_float(text, at));
  offer(Token::kInt, match_int(text, at));
  offer(Token::kBool, equals_word(text, at, "true") ? 4 : equals_word(text, at, "false") ? 5 : 0);
  offer(Token::kNull, equals_word(text, at, "null") ? 4 : 0);
  offer(Token::kUnquotedChar, std::string_view("/-\\+.$%*@?|").find(text[at]) != std::string_view::npos ? 1 : 0);
  offer(Token::kId, match_id(text, at));
  offer(Token::kEscape, match_escape(text, at));
  offer(Token::kBlank, match_blank(text, at));
  return {best, std::string(text.substr(at, length))};
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 1; i < text.size(); i += 2) out += text[i];
  return out;
}

Value token_value(const Lexeme& lexeme) {
  switch (lexeme.token) {
    case Token::kInt: return Value::integer(parse_python_int(lexeme.text).value_or("0"));
    case Token::kFloat: return Value::floating(parse_python_float(lexeme.text).value_or(0));
    case Token::kBool: return Value::boolean(lower_ascii(lexeme.text) == "true");
    default: return Value();
  }
}

}  // namespace scalselect::config::lexical
