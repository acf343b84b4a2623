// UTF-8 to code points and back.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace scalselect {

/// One character of a text.
struct Utf8Character {
  char32_t point = U'\uFFFD';
  std::size_t bytes = 1;  ///< of the character, or of the ill-formed part (Unicode 3.9, best practice)
  bool valid = false;     ///< neither truncated, overlong, a surrogate nor beyond U+10FFFF
};

/// The character at `at`, which must lie inside the text.
Utf8Character decode_utf8(std::string_view text, std::size_t at);

void append_utf8(std::string& text, char32_t point);

/// The text with U+FFFD for each ill-formed part.
std::string repair_utf8(std::string_view bytes);

/// Whether a file begins with the byte order mark of UTF-16.
inline bool is_utf16(std::string_view bytes) { return bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF"); }

/// A code point that text can hold: not a surrogate, not beyond U+10FFFF.
constexpr bool is_scalar_value(char32_t point) { return point < 0xd800 || (point > 0xdfff && point <= 0x10ffff); }

}  // namespace scalselect
