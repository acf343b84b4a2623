// Text as the trainers' Python treats it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect::handover {

inline constexpr std::string_view kImageTag = "<image>";

/// str.strip()
std::string_view strip(std::string_view text);
/// str.replace(from, to)
std::string replaced(std::string_view text, std::string_view from, std::string_view to);
/// str.count(part)
std::int64_t count(std::string_view text, std::string_view part);
/// str.split(separator)
std::vector<std::string> split(std::string_view text, std::string_view separator);
/// text * times
std::string repeated(std::string_view text, std::int64_t times);

/// A word for a shell: in single quotes unless it needs none.
std::string shell_word(const std::string& word);
/// A string of YAML, quoted.
std::string yaml_text(const std::string& text);

}  // namespace scalselect::handover
