// Text as Python sees it: the harnesses whose rules are followed here are written in Python, whose `lower`, `split` and
// `len` work on Unicode code points. All text is UTF-8; ill-formed bytes are kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scalselect::eval {

/// str.lower(): full Unicode lower case.
std::string lower(std::string_view text);

/// str.split(): words between runs of Unicode white space (U+00A0 and U+3000 included).
std::vector<std::string> split_words(std::string_view text);

/// str.strip() without arguments.
std::string strip(std::string_view text);

/// Position after the run of Unicode white space that starts at `at`; `at` itself if there is none.
std::size_t skip_spaces(std::string_view text, std::size_t at);

/// len(): code points.
std::size_t length(std::string_view text);

/// Every occurrence of `from` (not empty) replaced.
std::string replace_all(std::string text, std::string_view from, std::string_view to);

/// A character in U+4E00..U+9FFF: VLMEvalKit's test for Chinese.
bool has_han(std::string_view text);

/// Code points and back; an ill-formed byte is a character of its own.
std::u32string code_points(std::string_view text);
std::string utf8_of(std::u32string_view points);

/// str.isalpha() of one character.
bool is_letter(char32_t point);

/// Full-width ASCII (U+FF01..U+FF5E) and the ideographic space as the characters of ASCII.
std::string fold_full_width(std::string_view text);

}  // namespace scalselect::eval
