#include "experiments/config/interpolation_parser.h"

#include "core/error.h"
#include "experiments/config/lexical.h"

namespace scalselect::config {
namespace {

using lexical::Lexeme;
using lexical::Token;
using Type = Expression::Type;

Expression literal(Value value) {
  Expression e;
  e.value = std::move(value);
  return e;
}

Expression text_literal(std::string text) { return literal(Value::string(std::move(text))); }

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  Expression whole() {
    Expression result = text_until('\0');
    if (at_ != text_.size()) fail("unexpected text");
    return result;
  }

  Expression single_element() {
    Expression result = element();
    if (at_ != text_.size()) fail("unexpected '" + text_.substr(at_, 1) + "'");
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw UserError(ErrorKind::kUsage,
                    reason + " at character " + std::to_string(at_ + 1) + " of the interpolation '" +
                        (text_.size() > 200 ? text_.substr(0, 200) + "…" : text_) + "'.",
                    "Write \\${ for a literal ${, and quote special characters.");
  }

  char look(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool done() const { return at_ >= text_.size(); }
  bool at_open() const { return look() == '$' && look(1) == '{'; }
  void skip_blank() { at_ += lexical::match_blank(text_, at_); }
  /// Offset of the next character after blanks.
  std::size_t after_blank() const { return lexical::match_blank(text_, at_); }

  /// Free text up to `quote` (or the end, if it is 0): backslashes matter only before `${` and the quote.
  Expression text_until(char quote) {
    Expression result;
    result.type = Type::kConcat;
    std::string pending;
    const auto flush = [&] {
      if (!pending.empty()) result.parts.push_back(text_literal(std::move(pending)));
      pending.clear();
    };
    while (!done() && !(quote && look() == quote)) {
      if (at_open()) {
        flush();
        result.parts.push_back(interpolation());
        continue;
      }
      std::size_t run = 0;
      while (look(run) == '\\') ++run;
      if (run == 0) {
        pending += text_[at_++];
        continue;
      }
      at_ += run;
      const bool odd = run % 2 == 1;
      if (at_open()) {
        pending.append(run / 2, '\\');
        if (odd) {
          pending += "${";
          at_ += 2;
        }
      } else if (quote && look() == quote) {
        pending.append(run / 2, '\\');
        if (odd) pending += text_[at_++];
      } else {
        pending.append(run, '\\');
      }
    }
    flush();
    if (result.parts.size() == 1) return std::move(result.parts[0]);
    if (result.parts.empty()) return text_literal("");
    return result;
  }

  /// Counts what is open while it lives.
  struct Nested {
    explicit Nested(Parser& of) : parser(of) {
      if (++parser.depth_ > kMaxDepth) parser.fail("interpolations are nested too deeply");
    }
    ~Nested() { --parser.depth_; }
    Parser& parser;
  };

  Expression interpolation() {
    const Nested nested(*this);
    at_ += 2;
    skip_blank();
    Expression result;
    result.type = Type::kNode;
    bool could_name = true;  // only names and dots so far: may turn out to be a resolver
    while (look() == '.') {
      result.parts.push_back(text_literal("."));
      could_name = false;
      ++at_;
    }
    key_step(result, could_name);
    while (look() == '.' || look() == '[') {
      if (look() == '.') {
        result.parts.push_back(text_literal("."));
        ++at_;
        result.parts.push_back(key(could_name));
      } else {
        key_step(result, could_name);
      }
    }
    const std::size_t blank = after_blank();
    if (look(blank) == '}') {
      at_ += blank + 1;
    } else if (look(blank) == ':' && could_name) {
      at_ += blank + 1;
      skip_blank();
      result = resolver(std::move(result));
    } else {
      fail(done() ? "the brace is not closed" : "unexpected '" + text_.substr(at_, 1) + "'");
    }
    return result;
  }

  /// A key, bare or in brackets.
  void key_step(Expression& node, bool& could_name) {
    if (look() != '[') {
      node.parts.push_back(key(could_name));
      return;
    }
    could_name = false;
    ++at_;
    node.parts.push_back(text_literal("["));
    node.parts.push_back(key(could_name));
    if (look() != ']') fail("']' is missing");
    ++at_;
    node.parts.push_back(text_literal("]"));
  }

  Expression key(bool& could_name) {
    if (at_open()) return interpolation();
    const std::size_t id = lexical::match_id(text_, at_);
    const auto end = std::min(text_.find_first_of("\\{}()[]:. \t'\"", at_), text_.size());
    const std::size_t length = end - at_;
    if (length == 0) fail("a key is missing");
    if (length != id) could_name = false;
    Expression result = text_literal(text_.substr(at_, length));
    at_ = end;
    return result;
  }

  Expression resolver(Expression name) {
    Expression result;
    result.type = Type::kResolver;
    for (std::size_t i = 0; i < name.parts.size(); i += 2) result.name.push_back(std::move(name.parts[i]));
    if (look(after_blank()) != '}') sequence(result, '}');
    skip_blank();
    if (look() != '}') fail(done() ? "the brace is not closed" : "unexpected '" + text_.substr(at_, 1) + "'");
    ++at_;
    return result;
  }

  /// Elements between commas up to `close`; a missing element is an empty string (deprecated, but accepted).
  void sequence(Expression& into, char close) {
    bool expect_element = true;
    while (true) {
      const std::size_t blank = after_blank();
      if (look(blank) == ',') {
        at_ += blank + 1;
        skip_blank();
        if (expect_element) into.parts.push_back(text_literal(""));
        expect_element = true;
      } else if (look(blank) == close || done()) {
        break;
      } else {
        if (!expect_element) fail("unexpected '" + text_.substr(at_, 1) + "'");
        into.parts.push_back(element());
        expect_element = false;
      }
    }
    if (expect_element) into.parts.push_back(text_literal(""));
  }

  Expression element() {
    const char c = look();
    if (c == '\'' || c == '"') {
      ++at_;
      Expression inner = text_until(c);
      if (look() != c) fail("the quote is not closed");
      ++at_;
      // Whatever is inside, quotes make a string of it.
      Expression result;
      result.type = Type::kConcat;
      result.parts.push_back(std::move(inner));
      return result;
    }
    if (c == '[') return list();
    if (c == '{') return map();
    return primitive(/*is_key=*/false);
  }

  Expression list() {
    const Nested nested(*this);
    Expression result;
    result.type = Type::kList;
    ++at_;
    skip_blank();
    if (look(after_blank()) != ']') sequence(result, ']');
    skip_blank();
    if (look() != ']') fail("']' is missing");
    ++at_;
    return result;
  }

  Expression map() {
    const Nested nested(*this);
    Expression result;
    result.type = Type::kMap;
    ++at_;
    skip_blank();
    while (look(after_blank()) != '}') {
      if (!result.keys.empty()) {
        skip_blank();
        if (look() != ',') fail("',' or '}' is missing");
        ++at_;
        skip_blank();
      }
      result.keys.push_back(primitive(/*is_key=*/true).value);
      skip_blank();
      if (look() != ':') fail("':' is missing");
      ++at_;
      skip_blank();
      result.parts.push_back(element());
    }
    skip_blank();
    ++at_;
    return result;
  }

  /// Words, numbers, escapes, colons and interpolations in a row; a single one keeps its type.
  Expression primitive(bool is_key) {
    std::vector<Expression> parts;
    Lexeme only;
    while (!done()) {
      if (at_open()) {
        if (is_key) break;
        parts.push_back(interpolation());
        continue;
      }
      const std::size_t blank = after_blank();
      const char next = look(blank);
      if (next == ':' && !is_key) {
        const std::size_t start = at_;
        at_ += blank + 1;
        skip_blank();
        parts.push_back(text_literal(text_.substr(start, at_ - start)));
        only = {Token::kColon, "", start};
        continue;
      }
      if (next == ',' || next == ']' || next == '}' || next == ':') break;
      only = lexical::match_word(text_, at_);
      if (only.token == Token::kEnd) break;
      at_ += only.text.size();
      parts.push_back(text_literal(only.token == Token::kEscape ? lexical::unescape(only.text) : only.text));
    }
    if (parts.empty()) fail(done() ? "a value is missing" : "unexpected '" + text_.substr(at_, 1) + "'");
    if (parts.size() == 1) {
      const bool typed = parts[0].type == Type::kLiteral && (only.token == Token::kInt || only.token == Token::kFloat ||
                                                             only.token == Token::kBool || only.token == Token::kNull);
      return typed ? literal(lexical::token_value(only)) : std::move(parts[0]);
    }
    if (is_key) {
      std::string joined;
      for (const auto& part : parts) joined += part.value.as_string();
      return text_literal(joined);
    }
    Expression result;
    result.type = Type::kConcat;
    result.parts = std::move(parts);
    return result;
  }

  const std::string& text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

Expression parse_interpolated(const std::string& text) { return Parser(text).whole(); }

Expression parse_single_element(const std::string& text) { return Parser(text).single_element(); }

}  // namespace scalselect::config
