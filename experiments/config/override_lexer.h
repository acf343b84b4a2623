// Tokens of Hydra's override grammar. The key before '=' and the value after it are different languages.
#pragma once

#include <string>
#include <vector>

#include "experiments/config/lexical.h"

namespace scalselect::config {

/// Refusal of an override: reason, the word, and a caret under byte `at`.
[[noreturn]] void throw_override_error(const std::string& word, std::size_t at, const std::string& reason);

/// Tokens of the value part of `word`, from byte `start`; ends with kEnd. Throws UserError.
std::vector<lexical::Lexeme> lex_override_value(const std::string& word, std::size_t start);

/// Content of a quoted token: quotes removed, backslashes before quotes undone.
std::string unquote(const std::string& token);
/// The opposite, for a text that must be written with this quote character.
std::string with_quotes(const std::string& text, char quote);
/// Backslashes before every character that is structure outside quotes.
std::string escape_special(const std::string& text);

}  // namespace scalselect::config
