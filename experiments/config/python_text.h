// Numbers as Python reads and prints them, and two helpers for ASCII.
#pragma once

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

std::string_view strip(std::string_view text);
std::string lower_ascii(std::string_view text);

}  // namespace scalselect::config
