// Python's str by code points.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect::vlm::jinja {

std::u32string points_of(std::string_view text);
std::string utf8_of(std::u32string_view points);
std::int64_t count_points(std::string_view text);
std::vector<std::string> characters_of(std::string_view text);

bool is_blank(char32_t c);      ///< str.isspace
bool is_printable(char32_t c);  ///< str.isprintable

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
std::string title(std::string_view text);  ///< str.title
/// Whether every character that has a case has this one, and there is one.
bool is_lower(std::string_view text);
bool is_upper(std::string_view text);
bool is_letter(char32_t c);
bool is_decimal(char32_t c);

/// `chars`: of which set; null: blanks.
std::string_view strip(std::string_view text, const std::string* chars, bool left, bool right);
/// str.split; `most` < 0: all. With a separator or at runs of blanks.
std::vector<std::string> split(std::string_view text, const std::string* separator, std::int64_t most);
std::vector<std::string> split_right(std::string_view text, const std::string* separator, std::int64_t most);
std::vector<std::string> split_lines(std::string_view text, bool keep_ends);
/// `most` < 0: all.
std::string replace(std::string_view text, std::string_view from, std::string_view to, std::int64_t most);
/// How long `replace` makes it.
std::size_t replaced_size(std::string_view text, std::string_view from, std::string_view to, std::int64_t most);

}  // namespace scalselect::vlm::jinja
