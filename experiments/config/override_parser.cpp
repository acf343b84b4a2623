// Recursive descent over the tokens of one override.
#include <algorithm>

#include "core/error.h"
#include "experiments/config/override.h"
#include "experiments/config/override_functions.h"
#include "experiments/config/override_lexer.h"

namespace scalselect::config {
namespace {

using lexical::Lexeme;
using lexical::Token;

class ValueParser {
 public:
  ValueParser(const std::string& word, std::size_t start) : word_(word), tokens_(lex_override_value(word, start)) {}

  bool empty() const { return peek() == Token::kEnd; }

  Argument parse() {
    Argument first = element();
    if (peek() == Token::kEnd) return first;
    std::vector<Argument> elements{std::move(first)};
    while (peek() == Token::kComma) {
      ++at_;
      elements.push_back(element());
    }
    expect(Token::kEnd, "the end of the override");
    return simple_choice(std::move(elements));
  }

 private:
  Token peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)].token; }
  const Lexeme& take() { return tokens_[at_++]; }

  [[noreturn]] void fail(const std::string& reason) const { throw_override_error(word_, tokens_[at_].at, reason); }

  const Lexeme& expect(Token token, const std::string& what) {
    if (peek() != token) {
      fail(peek() == Token::kEnd ? "it ends where " + what + " is expected"
                                 : "unexpected '" + tokens_[at_].text + "' where " + what + " is expected");
    }
    return take();
  }

  Argument element() {
    switch (peek()) {
      case Token::kBracketOpen: return {list(), {}};
      case Token::kBraceOpen: return {map(), {}};
      case Token::kQuoted: return quoted();
      case Token::kId:
        if (peek(1) == Token::kParenOpen) return function();
        break;
      default: break;
    }
    return {primitive(/*is_key=*/false), {}};
  }

  Argument quoted() {
    const std::string& token = take().text;
    Argument result{Value::string(unquote(token)), {}};
    result.value.set_quote(token[0]);
    return result;
  }

  static bool is_primitive(Token token, bool is_key) {
    switch (token) {
      case Token::kId:
      case Token::kNull:
      case Token::kInt:
      case Token::kFloat:
      case Token::kBool:
      case Token::kUnquotedChar:
      case Token::kEscape:
      case Token::kBlank: return true;
      case Token::kColon:
      case Token::kInterpolation: return !is_key;
      default: return false;
    }
  }

  Value primitive(bool is_key) {
    std::vector<Lexeme> parts;
    while (is_primitive(peek(), is_key)) parts.push_back(take());
    if (parts.empty()) fail(empty() ? "a value is missing" : "unexpected '" + tokens_[at_].text + "'");
    if (parts.size() == 1 && parts[0].token == Token::kBlank) fail("a value that is all blanks needs quotes");
    if (parts.front().token == Token::kBlank) parts.erase(parts.begin());
    if (parts.size() > 1 && parts.back().token == Token::kBlank) parts.pop_back();
    if (parts.size() == 1) {
      switch (parts[0].token) {
        case Token::kInt:
        case Token::kFloat:
        case Token::kBool:
        case Token::kNull: return lexical::token_value(parts[0]);
        default: break;
      }
    }
    std::string text;
    for (const auto& part : parts) {
      text += part.token == Token::kEscape ? lexical::unescape(part.text) : part.text;
    }
    return Value::string(text);
  }

  /// Counts what is open while it lives.
  struct Nested {
    explicit Nested(ValueParser& of) : parser(of) {
      if (++parser.depth_ > kMaxDepth)
        parser.fail("brackets are nested more than " + std::to_string(kMaxDepth) + " deep");
    }
    ~Nested() { --parser.depth_; }
    ValueParser& parser;
  };

  Value list() {
    const Nested nested(*this);
    take();
    Value value = Value::list();
    while (peek() != Token::kBracketClose) {
      if (value.size() > 0) expect(Token::kComma, "',' or ']'");
      value.items().push_back(plain_element());
    }
    take();
    return value;
  }

  Value map() {
    const Nested nested(*this);
    take();
    Value value = Value::map();
    while (peek() != Token::kBraceClose) {
      if (value.size() > 0) expect(Token::kComma, "',' or '}'");
      const Value key = primitive(/*is_key=*/true);
      expect(Token::kColon, "':'");
      value.set(key, plain_element());
    }
    take();
    return value;
  }

  /// Hydra lets a sweep stand inside a list only to fail on it later; say so at once.
  Value plain_element() {
    Argument argument = element();
    if (argument.is_sweep()) fail("a sweep cannot stand inside a list or a dict");
    return std::move(argument.value);
  }

  Argument function() {
    const Nested nested(*this);
    const std::size_t start = at_;
    FunctionCall call{take().text, {}, {}};
    take();
    bool first = true;
    while (peek() != Token::kParenClose) {
      if (!first) expect(Token::kComma, "',' or ')'");
      first = false;
      if (peek() == Token::kId && peek(1) == Token::kEqual) {
        const std::string name = take().text;
        take();
        call.named.emplace_back(name, element());
      } else if (!call.named.empty()) {
        fail("positional argument follows keyword argument");
      } else {
        call.positional.push_back(element());
      }
    }
    take();
    try {
      return call_function(std::move(call));
    } catch (const UserError& error) {
      std::string text;
      for (std::size_t i = start; i < at_; ++i) text += tokens_[i].text;
      throw_override_error(word_, tokens_[start].at, "while evaluating '" + text + "': " + error.what());
    }
  }

  const std::string& word_;
  std::vector<Lexeme> tokens_;
  std::size_t at_ = 0, depth_ = 0;
};

bool is_key_char(char c, bool first, bool special) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') return true;
  if (special && c == '$') return true;
  return !first && ((c >= '0' && c <= '9') || c == '-');
}

/// One step of a dotted key: a name that may hold '$', or a list position without leading zeros.
std::size_t match_step(const std::string& word, std::size_t at) {
  std::size_t end = at;
  while (end < word.size() && is_key_char(word[end], end == at, true)) ++end;
  return end > at ? end - at : lexical::match_unsigned(word, at);
}

/// KEY_SPECIAL or DOT_PATH; 0 for the empty package.
std::size_t match_package(const std::string& word, std::size_t start) {
  std::size_t at = start;
  if (at < word.size() && !is_key_char(word[at], true, true) && !(word[at] >= '0' && word[at] <= '9')) return 0;
  std::size_t steps = 0;
  while (true) {
    const std::size_t length = match_step(word, at);
    if (!length) break;
    at += length;
    ++steps;
    if (at + 1 >= word.size() || word[at] != '.' || !match_step(word, at + 1)) break;
    ++at;
  }
  const bool lone_number = steps == 1 && word[start] >= '0' && word[start] <= '9';
  return lone_number ? 0 : at - start;
}

/// A group path "a/b/c", or a package.
std::size_t match_key(const std::string& word, std::size_t start) {
  std::size_t at = start + lexical::match_id(word, start);
  std::size_t slashes = 0;
  while (at > start && at < word.size() && word[at] == '/') {
    const std::size_t length = lexical::match_id(word, at + 1);
    if (!length) break;
    at += 1 + length;
    ++slashes;
  }
  return slashes ? at - start : match_package(word, start);
}

}  // namespace

std::string Override::full_key() const { return package ? key + "@" + *package : key; }

std::string Override::key_element() const {
  static const char* const prefixes[] = {"", "+", "++", "~"};
  return prefixes[static_cast<int>(type)] + full_key();
}

Override parse_override(const std::string& text) {
  Override result;
  result.text = text;
  std::size_t at = 0;
  if (text.starts_with("++")) {
    result.type = OverrideType::kForceAdd;
    at = 2;
  } else if (text.starts_with("+")) {
    result.type = OverrideType::kAdd;
    at = 1;
  } else if (text.starts_with("~")) {
    result.type = OverrideType::kDelete;
    at = 1;
  }
  const std::size_t key = match_key(text, at);
  result.key = text.substr(at, key);
  at += key;
  if (at < text.size() && text[at] == '@') {
    const std::size_t package = match_package(text, at + 1);
    result.package = text.substr(at + 1, package);
    at += 1 + package;
  }
  for (const auto* path : {&result.key, result.package ? &*result.package : nullptr}) {
    const auto steps =
        path ? std::count_if(path->begin(), path->end(), [](char c) { return c == '.' || c == '/'; }) : 0;
    if (static_cast<std::size_t>(steps) >= kMaxDepth)
      throw_override_error(text, 0, "a key has at most " + std::to_string(kMaxDepth) + " steps");
  }
  if (at == text.size()) {
    if (result.type == OverrideType::kDelete) return result;
    throw_override_error(text, at, "missing '=' at the end: an override is key=value");
  }
  if (text[at] != '=') {
    throw_override_error(text, at, "unexpected '" + text.substr(at, 1) + "' in the key, '=' is expected");
  }
  ++at;
  at += lexical::match_blank(text, at);
  result.has_value = true;
  ValueParser parser(text, at);
  if (parser.empty()) {
    result.value = Value::string("");
    return result;
  }
  Argument value = parser.parse();
  result.value = std::move(value.value);
  result.value.set_origin_deep({"the override '" + text + "'", 0});
  result.sweep = std::move(value.sweep);
  return result;
}

std::vector<Override> parse_overrides(const std::vector<std::string>& texts) {
  std::vector<Override> result;
  for (const auto& text : texts) result.push_back(parse_override(text));
  return result;
}

}  // namespace scalselect::config
