#include "eval/python_literal.h"

#include <unicode/utf8.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace scalselect::eval {
namespace {

std::string encoded(std::uint32_t point) {
  if (point > 0x10FFFF) throw std::invalid_argument("an escape names no character");
  if (U_IS_SURROGATE(point)) point = 0xFFFD;
  char bytes[U8_MAX_LENGTH];
  int length = 0;
  U8_APPEND_UNSAFE(bytes, length, point);
  return {bytes, static_cast<std::size_t>(length)};
}

/// One pass over a list.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<std::string> list(char close) {
    std::vector<std::string> items;
    ++at_;  // the opening bracket
    for (;;) {
      skip_blanks();
      if (consume(close)) break;
      items.push_back(item());
      skip_blanks();
      if (!consume(',') && peek() != close) throw std::invalid_argument("a comma is missing");
    }
    skip_blanks();
    if (at_ < text_.size()) throw std::invalid_argument("it continues after its end");
    return items;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool consume(char c) {
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\t' || peek() == '\r') ++at_;
  }

  /// Strings side by side are one, as in Python.
  std::string item() {
    if (!at_string()) return word();
    std::string value;
    while (at_string()) {
      value += string();
      skip_blanks();
    }
    return value;
  }

  bool at_string() const {
    const char c = peek(), next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    const bool prefix = c == 'u' || c == 'U' || c == 'r' || c == 'R';
    return c == '\'' || c == '"' || (prefix && (next == '\'' || next == '"'));
  }

  std::string word() {
    const auto end = std::min(text_.find_first_of(",])\n\t ", at_), text_.size());
    std::string value(text_.substr(at_, end - at_));
    double number = 0;
    const auto [stop, code] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool known = value == "True" || value == "False" || value == "None";
    if (!known && (value.empty() || code != std::errc{} || stop != value.data() + value.size())) {
      throw std::invalid_argument("'" + value + "' is neither a string nor a number");
    }
    at_ = end;
    return value;
  }

  std::string string() {
    const bool raw = peek() == 'r' || peek() == 'R';
    if (peek() != '\'' && peek() != '"') ++at_;
    const char quote = text_[at_++];
    std::string value;
    for (;;) {
      if (at_ >= text_.size()) throw std::invalid_argument("a string does not close");
      const char c = text_[at_++];
      if (c == quote) return value;
      if (c != '\\' || at_ >= text_.size()) {
        value += c;
      } else if (raw) {
        value += {c, text_[at_++]};
      } else {
        value += escape();
      }
    }
  }

  std::string escape() {
    static constexpr std::string_view kNames = "abfnrtv\\'\"", kValues = "\a\b\f\n\r\t\v\\'\"";
    const char c = text_[at_++];
    if (const auto known = kNames.find(c); known != std::string_view::npos) return {kValues[known]};
    if (c == '\n') return {};
    if (c == 'x') return encoded(digits(2, 16));
    if (c == 'u') return encoded(digits(4, 16));
    if (c == 'U') return encoded(digits(8, 16));
    if (c == 'N') throw std::invalid_argument("the escape \\N{..} is not supported");
    if (c < '0' || c > '7') return {'\\', c};
    --at_;
    std::size_t count = 1;
    while (count < 3 && at_ + count < text_.size() && text_[at_ + count] >= '0' && text_[at_ + count] <= '7') ++count;
    return encoded(digits(count, 8));
  }

  std::uint32_t digits(std::size_t count, int base) {
    const auto part = text_.substr(at_, count);
    std::uint32_t value = 0;
    const auto [stop, code] = std::from_chars(part.data(), part.data() + part.size(), value, base);
    if (part.size() != count || code != std::errc{} || stop != part.data() + count) {
      throw std::invalid_argument("an escape lacks digits");
    }
    at_ += count;
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<std::string> list_or_text(const std::string& cell) {
  const auto first = cell.find_first_not_of(" \t\r\n"), last = cell.find_last_not_of(" \t\r\n");
  if (first == std::string::npos) return {cell};
  const auto text = std::string_view(cell).substr(first, last - first + 1);
  if (text.starts_with('[') && text.ends_with(']')) return Reader(text).list(']');
  if (!text.starts_with('(') || !text.ends_with(')')) return {cell};
  try {
    return Reader(text).list(')');
  } catch (const std::invalid_argument&) {  // a remark in brackets, rather than a tuple
    return {cell};
  }
}

}  // namespace scalselect::eval
