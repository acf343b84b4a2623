#include "experiments/config/override_lexer.h"

#include "core/error.h"

namespace scalselect::config {
namespace {

using lexical::Lexeme;
using lexical::Token;

char char_at(const std::string& text, std::size_t at) { return at < text.size() ? text[at] : '\0'; }

/// The closing quote is the first one after an even number of backslashes.
std::size_t match_quoted(const std::string& text, std::size_t at) {
  const char quote = text[at];
  std::size_t backslashes = 0;
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == quote && backslashes % 2 == 0) return i + 1 - at;
    backslashes = text[i] == '\\' ? backslashes + 1 : 0;
  }
  return 0;
}

std::size_t match_interpolation(const std::string& text, std::size_t at) {
  if (text.compare(at, 2, "${") != 0) return 0;
  const auto close = text.find('}', at + 2);
  return close == std::string::npos || close == at + 2 ? 0 : close + 1 - at;
}

/// Structure tokens may swallow blanks around them: which do, on which side.
struct Structure {
  char symbol;
  Token token;
  bool blank_before, blank_after;
};
constexpr Structure kStructures[] = {
    {'(', Token::kParenOpen, true, true},     {',', Token::kComma, true, true},
    {')', Token::kParenClose, true, false},   {'[', Token::kBracketOpen, false, true},
    {']', Token::kBracketClose, true, false}, {'{', Token::kBraceOpen, false, true},
    {'}', Token::kBraceClose, true, false},   {':', Token::kColon, true, true},
    {'=', Token::kEqual, true, true},
};

Lexeme match_structure(const std::string& text, std::size_t at) {
  const std::size_t before = lexical::match_blank(text, at);
  for (const auto& s : kStructures) {
    if (char_at(text, at + before) != s.symbol || (before > 0 && !s.blank_before)) continue;
    const std::size_t after = s.blank_after ? lexical::match_blank(text, at + before + 1) : 0;
    return {s.token, text.substr(at, before + 1 + after), at};
  }
  return {};
}

Lexeme next_token(const std::string& word, std::size_t at) {
  Lexeme lexeme = match_structure(word, at);
  const Lexeme plain = lexical::match_word(word, at);
  if (plain.token != Token::kEnd && plain.text.size() > lexeme.text.size()) lexeme = plain;
  if (word[at] == '\'' || word[at] == '"') {
    if (const auto length = match_quoted(word, at)) lexeme = {Token::kQuoted, word.substr(at, length), at};
  }
  if (const auto length = match_interpolation(word, at)) {
    lexeme = {Token::kInterpolation, word.substr(at, length), at};
  }
  return lexeme;
}

/// Runs of backslashes that end at a quote, in `text`, where the end of the text counts as `quote`.
template <class Visit>
std::string rewrite_backslash_runs(const std::string& text, char quote, const Visit& visit) {
  std::string out;
  std::size_t i = 0;
  while (i < text.size()) {
    if (text[i] != '\\') {
      out += text[i] == quote ? visit(0, true) : std::string(1, text[i]);
      ++i;
      continue;
    }
    std::size_t run = 0;
    while (char_at(text, i + run) == '\\') ++run;
    i += run;
    const bool ends = i == text.size();
    if (ends || text[i] == quote) {
      out += visit(run, !ends);
      if (!ends) ++i;
    } else {
      out.append(run, '\\');
    }
  }
  return out;
}

}  // namespace

void throw_override_error(const std::string& word, std::size_t at, const std::string& reason) {
  constexpr std::size_t kShown = 200;  // bytes of a long word: those around `at`
  at = std::min(at, word.size());
  const std::size_t begin = word.size() <= kShown || at < kShown / 2 ? 0 : at - kShown / 2;
  const auto cut = [&](std::size_t from) {
    return word.size() - from <= kShown ? word.substr(from) : word.substr(from, kShown) + "…";
  };
  throw UserError(ErrorKind::kUsage, "Error parsing override '" + cut(0) + "'\n" + reason + "\n  " + cut(begin) +
                                         "\n  " + std::string(at - begin, ' ') + "^");
}

std::vector<Lexeme> lex_override_value(const std::string& word, std::size_t start) {
  std::vector<Lexeme> tokens;
  std::size_t at = start;
  while (at < word.size()) {
    Lexeme lexeme = next_token(word, at);
    if (lexeme.token == Token::kEnd) {
      const bool quote = word[at] == '\'' || word[at] == '"';
      throw_override_error(word, at, quote ? "the quote is not closed" : "a character that needs quotes");
    }
    at += lexeme.text.size();
    tokens.push_back(std::move(lexeme));
  }
  tokens.push_back({Token::kEnd, "", word.size()});
  return tokens;
}

std::string unquote(const std::string& token) {
  const char quote = token[0];
  // Each pair of backslashes before a quote (or the end) is one; the odd one escapes the quote.
  return rewrite_backslash_runs(token.substr(1, token.size() - 2), quote, [&](std::size_t run, bool at_quote) {
    return std::string(run / 2, '\\') + (at_quote ? std::string(1, quote) : "");
  });
}

std::string with_quotes(const std::string& text, char quote) {
  const std::string body = rewrite_backslash_runs(text, quote, [&](std::size_t run, bool at_quote) {
    return std::string(run * 2, '\\') + (at_quote ? std::string("\\") + quote : "");
  });
  std::string out(1, quote);
  out += body;
  out += quote;
  return out;
}

std::string escape_special(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\()[]{}:=, \t").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace scalselect::config
