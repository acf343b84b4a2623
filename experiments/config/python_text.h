// Numbers and strings as Python reads and prints them; the YAML, JSON and message printers share these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace scalselect::config {

/// `repr(float)`: shortest digits that read back, "1e+16", "1e-05", "1.0", "inf", "nan".
std::string float_repr(double value);

/// `float(text)`: surrounding blanks, '_' between digits, "inf", "infinity" and "nan" in any case.
std::optional<double> parse_python_float(std::string_view text);

/// `int(text)` in base 10: canonical decimal digits ("-12"), or nullopt. Any size.
std::optional<std::string> parse_python_int(std::string_view text);

/// `repr(str)`: single quotes unless the text holds only single quotes; control characters escaped.
std::string string_repr(std::string_view text);

/// UTF-8 to code points and back; malformed bytes become U+FFFD.
std::u32string to_code_points(std::string_view text);
void append_utf8(std::string& out, char32_t code_point);

std::string_view strip(std::string_view text);
std::string lower_ascii(std::string_view text);

}  // namespace scalselect::config
