// Where the values of a JSON array, or of a file of JSON lines, begin and end, without parsing them. Positions are
// bytes of the text that is given; a byte order mark before it is skipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scalselect {

/// Bytes of one top-level value and the line on which it begins.
struct JsonSpan {
  std::size_t begin = 0, size = 0;
  std::int64_t line = 1;
};

/// Why and where a scan stopped before the end.
struct JsonScanError {
  std::string what;  ///< empty: the text is complete
  std::size_t byte = 0;
  std::int64_t line = 1;
};

/// `text` without the byte order mark that some programs write before UTF-8.
std::string_view after_byte_order_mark(std::string_view text);

/// The values of the array in `text`. Only the balance of brackets and strings is checked: a parser reads
/// each value afterwards. Text after the closing bracket, a missing comma or an end in the middle is an error.
JsonScanError scan_json_array(std::string_view text, std::vector<JsonSpan>& values);

/// One value per line, blank lines skipped.
JsonScanError scan_json_lines(std::string_view text, std::vector<JsonSpan>& values);

}  // namespace scalselect
