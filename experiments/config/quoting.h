// Quoted and escaped text of the override grammar.
#pragma once

#include <string>

namespace scalselect::config {

/// Length of the quoted text that starts at `at`; 0 if it is not closed.
std::size_t match_quoted(const std::string& text, std::size_t at);
/// Content of a quoted text: quotes removed, backslashes before quotes undone.
std::string unquote(const std::string& quoted);
/// The opposite, for a text that must be written with this quote character.
std::string with_quotes(const std::string& text, char quote);
/// Backslashes before every character that is structure outside quotes.
std::string escape_special(const std::string& text);

}  // namespace scalselect::config
