// Token matchers that the override grammar and the interpolation grammar share: each gives how many bytes of `text`
// from `at` the token takes, 0 if it does not start there.
#pragma once

#include <string>
#include <string_view>

#include "experiments/config/value.h"

namespace scalselect::config::lexical {

enum class Token { kEnd, kId, kNull, kInt, kFloat, kBool, kUnquotedChar, kEscape, kBlank, kColon };

struct Lexeme {
  Token token = Token::kEnd;
  std::string text;
};

std::size_t match_id(std::string_view text, std::size_t at);        ///< [A-Za-z_][A-Za-z0-9_-]*
std::size_t match_unsigned(std::string_view text, std::size_t at);  ///< 0, or digits without a leading zero, single '_'
std::size_t match_blank(std::string_view text, std::size_t at);

/// The longest of float, int, bool, null, single character, id, escape and blank (the earliest of equals), as both
/// grammars define them; kEnd if none fits.
Lexeme match_word(std::string_view text, std::size_t at);

/// Removes the backslash of each escaped character.
std::string unescape(std::string_view text);

/// Value of a single token of kind int, float, bool or null.
Value token_value(const Lexeme& lexeme);

}  // namespace scalselect::config::lexical
