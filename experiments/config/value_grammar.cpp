#include "experiments/config/value_grammar.h"

#include <algorithm>

#include "core/utf8.h"

namespace scalselect::config {
namespace {

using lexical::Lexeme;
using lexical::Token;
using Type = Expression::Type;

bool is_literal(const Expression& e) { return e.type == Type::kLiteral; }

bool has_type(Token token) {
  return token == Token::kInt || token == Token::kFloat || token == Token::kBool || token == Token::kNull;
}

}  // namespace

ValueGrammar::Nested::Nested(ValueGrammar& of) : grammar(of) {
  if (++grammar.depth_ > kMaxDepth)
    grammar.fail("brackets are nested more than " + std::to_string(kMaxDepth) + " deep");
}

Expression ValueGrammar::literal(Value value) {
  Expression e;
  e.value = std::move(value);
  return e;
}

void ValueGrammar::unexpected(const std::string& what_is_missing) const {
  if (done()) fail(what_is_missing + " is missing");
  const std::string found = text_.substr(at_, decode_utf8(text_, at_).bytes);
  fail("unexpected '" + found + "' (quotes make it part of a text)");
}

void ValueGrammar::expect(char symbol) {
  skip_blanks();
  if (look() != symbol) unexpected(std::string("'") + symbol + "'");
  ++at_;
}

Expression ValueGrammar::element() {
  switch (look()) {
    case '\'':
    case '"': return quoted();
    case '[': return list();
    case '{': return map();
    default: return primitive(/*is_key=*/false);
  }
}

std::vector<Expression> ValueGrammar::sequence(char close) {
  std::vector<Expression> parts;
  if (look(blanks()) == close) return parts;
  while (true) {
    parts.push_back(look(blanks()) == ',' || look(blanks()) == close ? missing_element() : element());
    if (look(blanks()) != ',') return parts;
    expect(',');
    skip_blanks();
  }
}

Expression ValueGrammar::list() {
  const Nested nested(*this);
  Expression result;
  result.type = Type::kList;
  expect('[');
  skip_blanks();
  result.parts = sequence(']');
  expect(']');
  if (!std::all_of(result.parts.begin(), result.parts.end(), is_literal)) return result;
  Value list = Value::list();
  for (auto& part : result.parts) list.items().push_back(std::move(part.value));
  return literal(std::move(list));
}

Expression ValueGrammar::map() {
  const Nested nested(*this);
  Expression result;
  result.type = Type::kMap;
  expect('{');
  while (look(blanks()) != '}') {
    if (!result.keys.empty()) expect(',');
    skip_blanks();
    result.keys.push_back(primitive(/*is_key=*/true).value);
    expect(':');
    skip_blanks();
    result.parts.push_back(element());
  }
  expect('}');
  if (!std::all_of(result.parts.begin(), result.parts.end(), is_literal)) return result;
  Value map = Value::map();
  for (std::size_t i = 0; i < result.keys.size(); ++i) map.set(result.keys[i], std::move(result.parts[i].value));
  return literal(std::move(map));
}

Expression ValueGrammar::primitive(bool is_key) {
  Expression row;
  row.type = Type::kConcat;
  Lexeme last;
  while (!done()) {
    const std::size_t before = blanks();
    const char next = look(before);
    if (next == ':' && !is_key) {
      const std::size_t start = at_;
      at_ += before + 1;
      skip_blanks();
      last = {Token::kColon, text_.substr(start, at_ - start)};
      row.parts.push_back(text_literal(last.text));
    } else if (std::string_view(",]}:)").find(next) != std::string_view::npos) {
      break;
    } else if (at_ + before == text_.size() && trims_end()) {
      at_ += before;
    } else if (auto reference = is_key ? std::nullopt : interpolation()) {
      last = {};
      row.parts.push_back(std::move(*reference));
    } else {
      last = lexical::match_word(text_, at_);
      if (last.token == Token::kEnd) break;
      at_ += last.text.size();
      row.parts.push_back(text_literal(last.token == Token::kEscape ? lexical::unescape(last.text) : last.text));
    }
  }
  if (row.parts.empty()) unexpected("a value");
  if (row.parts.size() == 1)
    return has_type(last.token) ? literal(lexical::token_value(last)) : std::move(row.parts[0]);
  if (!std::all_of(row.parts.begin(), row.parts.end(), is_literal)) return row;
  std::string joined;
  for (const auto& part : row.parts) joined += part.value.as_string();
  return text_literal(std::move(joined));
}

}  // namespace scalselect::config
