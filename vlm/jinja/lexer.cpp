#include "vlm/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "core/utf8.h"
#include "vlm/jinja/text.h"

namespace scalselect::vlm::jinja {
namespace {

/// "\r\n" and "\r" become "\n", and the last one is dropped.
std::string with_plain_lines(std::string_view source) {
  auto text = replace(replace(source, "\r\n", "\n", -1), "\r", "\n", -1);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

bool is_name_start(char32_t c) { return c == U'_' || is_letter(c); }
bool is_name_part(char32_t c) { return is_name_start(c) || is_decimal(c); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(with_plain_lines(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) data();
    add(Token::Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest(std::size_t at) const { return std::string_view(source_).substr(std::min(at, source_.size())); }
  bool sees(std::string_view text) const { return rest(at_).starts_with(text); }

  Token& add(Token::Kind kind, std::string text) {
    tokens_.push_back({kind, std::move(text), {}, line_});
    return tokens_.back();
  }

  void go_to(std::size_t end) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    if (end > at_) line_starts_ = source_[end - 1] == '\n';
    at_ = end;
  }

  void skip_blanks() { go_to(source_.size() - strip(rest(at_), nullptr, true, false).size()); }

  /// The text up to the next tag, and the tag.
  void data() {
    auto tag = source_.find('{', at_);
    while (tag != source_.npos && rest(tag).substr(1, 1).find_first_of("{%#") != 0) tag = source_.find('{', tag + 1);
    if (tag == source_.npos) {
      text_before(source_.size(), ' ', false);
      return go_to(source_.size());
    }
    const char kind = source_[tag + 1];
    const auto sign = rest(tag).substr(2, 1);
    const bool control = sign == "-" || sign == "+";
    text_before(tag, control ? sign[0] : ' ', kind != '{');
    go_to(tag + 2 + (control ? 1 : 0));
    if (kind == '#') return comment();
    if (kind == '{') return tag_body(Token::Kind::kVariableBegin, Token::Kind::kVariableEnd, "}}");
    if (!raw()) tag_body(Token::Kind::kBlockBegin, Token::Kind::kBlockEnd, "%}");
  }

  /// The text before a tag at `end`; '-' strips it, and a block or comment at the beginning of a line loses its indent.
  void text_before(std::size_t end, char sign, bool block) {
    auto text = std::string_view(source_).substr(at_, end - at_);
    if (sign == '-') {
      text = strip(text, nullptr, false, true);
    } else if (sign != '+' && block) {
      const auto line_end = text.rfind('\n');
      const auto begin = line_end == text.npos ? 0 : line_end + 1;
      if ((begin > 0 || line_starts_) && strip(text.substr(begin), nullptr, true, true).empty()) {
        text = text.substr(0, begin);
      }
    }
    if (!text.empty()) add(Token::Kind::kData, std::string(text));
  }

  /// After "-%}" all blanks go, after "%}" the next line end.
  void after_tag(bool stripped, bool kept, bool block) {
    if (stripped) skip_blanks();
    else if (block && !kept && sees("\n")) go_to(at_ + 1);
  }

  void comment() {
    const auto end = source_.find("#}", at_);
    if (end == source_.npos) fail_on_line(line_, "a comment has no end");
    const char sign = end > at_ ? source_[end - 1] : ' ';
    go_to(end + 2);
    after_tag(sign == '-', sign == '+', true);
  }

  /// {% raw %} … {% endraw %}, if there is one here.
  bool raw() {
    auto after = strip(rest(at_), nullptr, true, false);
    if (!after.starts_with("raw")) return false;
    after = strip(after.substr(3), nullptr, true, false);
    const bool stripped = after.starts_with("-%}");
    if (!stripped && !after.starts_with("%}")) return false;
    go_to(source_.size() - after.size() + (stripped ? 3 : 2));
    if (stripped) skip_blanks();
    for (auto tag = source_.find("{%", at_); tag != source_.npos; tag = source_.find("{%", tag + 2)) {
      auto body = rest(tag + 2);
      const char sign = body.starts_with('-') || body.starts_with('+') ? body[0] : ' ';
      body = strip(body.substr(sign == ' ' ? 0 : 1), nullptr, true, false);
      if (!body.starts_with("endraw")) continue;
      body = strip(body.substr(6), nullptr, true, false);
      const char end = body.starts_with('-') || body.starts_with('+') ? body[0] : ' ';
      body = body.substr(end == ' ' ? 0 : 1);
      if (!body.starts_with("%}")) continue;
      text_before(tag, sign, true);
      go_to(source_.size() - body.size() + 2);
      after_tag(end == '-', end == '+', true);
      return true;
    }
    fail_on_line(line_, "{% raw %} has no end");
  }

  void tag_body(Token::Kind begin, Token::Kind end, std::string_view close) {
    add(begin, "");
    const bool block = begin == Token::Kind::kBlockBegin;
    std::string open;
    while (true) {
      skip_blanks();
      if (at_ >= source_.size()) fail_on_line(line_, "a tag has no end");
      const char sign = source_[at_] == '-' || (source_[at_] == '+' && block) ? source_[at_] : ' ';
      if (open.empty() && rest(at_ + (sign == ' ' ? 0 : 1)).starts_with(close)) {
        add(end, "");
        go_to(at_ + close.size() + (sign == ' ' ? 0 : 1));
        return after_tag(sign == '-', sign == '+', block);
      }
      token(open);
    }
  }

  void token(std::string& open) {
    const char c = source_[at_];
    if (c == '"' || c == '\'') return string();
    if (is_digit(c)) return number();
    if (is_name_start(decode_utf8(source_, at_).point)) return name();
    static constexpr std::array<std::string_view, 27> kOperators = {"**", "//", "==", "!=", "<=", ">=", "+", "-", "*",
                                                                    "/",  "%",  "~",  "<",  ">",  "=",  "(", ")", "[",
                                                                    "]",  "{",  "}",  ".",  ":",  ",",  "|", ";", "&"};
    for (const auto text : kOperators) {
      if (!sees(text) || text == "&") continue;
      balance(open, text[0]);
      add(Token::Kind::kOperator, std::string(text));
      return go_to(at_ + text.size());
    }
    fail_on_line(line_, "the character '" + std::string(rest(at_).substr(0, decode_utf8(source_, at_).bytes)) +
                            "' is not expected");
  }

  void balance(std::string& open, char c) {
    if (c == '(') open += ')';
    if (c == '[') open += ']';
    if (c == '{') open += '}';
    if (c != ')' && c != ']' && c != '}') return;
    if (open.empty() || open.back() != c) fail_on_line(line_, std::string("'") + c + "' closes nothing");
    open.pop_back();
  }

  void name() {
    auto end = at_;
    while (end < source_.size() && is_name_part(decode_utf8(source_, end).point))
      end += decode_utf8(source_, end).bytes;
    add(Token::Kind::kName, source_.substr(at_, end - at_));
    go_to(end);
  }

  void number() {
    std::string digits;
    auto end = at_;
    const auto take = [&](auto&& belongs) {
      while (end < source_.size() &&
             (belongs(source_[end]) || (source_[end] == '_' && !rest(end + 1).empty() && belongs(source_[end + 1])))) {
        if (source_[end] != '_') digits += source_[end];
        ++end;
      }
    };
    const auto prefix = lower(rest(at_).substr(0, 2));
    const int base = prefix == "0x" ? 16 : prefix == "0o" ? 8 : prefix == "0b" ? 2 : 10;
    const auto is_hex = [&](char c) {
      return base == 16 ? std::isxdigit(static_cast<unsigned char>(c)) != 0 : c >= '0' && c < '0' + base;
    };
    if (base != 10 && rest(at_).size() > 2 && is_hex(source_[at_ + 2])) {
      end += 2;
      take(is_hex);
      return add_integer(digits, base, end);
    }
    take(is_digit);
    bool real = false;
    const bool index = at_ > 0 && source_[at_ - 1] == '.';  // a.0.1 is no fraction
    if (!index && rest(end).size() > 1 && source_[end] == '.' && is_digit(source_[end + 1])) {
      digits += source_[end++];
      take(is_digit);
      real = true;
    }
    const auto signed_exponent = rest(end).size() > 2 && (source_[end + 1] == '+' || source_[end + 1] == '-');
    if (!index && rest(end).size() > 1 && (source_[end] == 'e' || source_[end] == 'E') &&
        is_digit(source_[end + (signed_exponent ? 2 : 1)])) {
      digits += source_[end++];
      if (signed_exponent) digits += source_[end++];
      take(is_digit);
      real = true;
    }
    if (!real) return add_integer(digits, 10, end);
    add(Token::Kind::kNumber, digits).value = std::strtod(digits.c_str(), nullptr);
    go_to(end);
  }

  void add_integer(const std::string& digits, int base, std::size_t end) {
    std::int64_t value = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (read.ec != std::errc()) fail_on_line(line_, "the number " + digits + " is too large");
    add(Token::Kind::kNumber, digits).value = value;
    go_to(end);
  }

  void string() {
    const char mark = source_[at_];
    auto end = at_ + 1;
    while (end < source_.size() && source_[end] != mark) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail_on_line(line_, "a text in quotation marks has no end");
    add(Token::Kind::kString, "").value = unescaped(std::string_view(source_).substr(at_ + 1, end - at_ - 1));
    go_to(end + 1);
  }

  /// Python's escapes; an unknown one stays as it is.
  std::string unescaped(std::string_view text) const {
    static constexpr std::string_view kNames = "\\'\"abfnrtv", kValues = "\\'\"\a\b\f\n\r\t\v";
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        out += text[i];
        continue;
      }
      const char c = text[++i];
      const auto known = kNames.find(c);
      const std::size_t width = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
      if (known != kNames.npos) out += kValues[known];
      else if (c == '\n') continue;
      else if (width > 0) i += escape(out, text.substr(i + 1), width, 16);
      else if (c >= '0' && c <= '7') i += escape(out, text.substr(i), 3, 8) - 1;
      else out += {'\\', c};
    }
    return repair_utf8(out);
  }

  /// Appends the character of up to `width` digits; returns how many there were.
  std::size_t escape(std::string& out, std::string_view text, std::size_t width, int base) const {
    std::uint32_t point = 0;
    text = text.substr(0, width);
    const auto read = std::from_chars(text.data(), text.data() + text.size(), point, base);
    const auto digits = static_cast<std::size_t>(read.ptr - text.data());
    if (read.ec != std::errc() || (base == 16 && digits != width) || point > 0x10ffff) {
      fail_on_line(line_, "a text has an escape that stands for no character");
    }
    append_utf8(out, is_scalar_value(point) ? static_cast<char32_t>(point) : U'\uFFFD');
    return digits;
  }

  std::string source_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starts_ = true;
};

}  // namespace

void fail_on_line(int line, const std::string& problem) {
  throw Error("on line " + std::to_string(line) + ": " + problem);
}

std::vector<Token> tokenize(std::string_view source) {
  if (source.size() > kMostSource) {
    throw Error("it is longer than " + std::to_string(kMostSource >> 20) + " MiB");
  }
  return Lexer(repair_utf8(source)).run();
}

}  // namespace scalselect::vlm::jinja
