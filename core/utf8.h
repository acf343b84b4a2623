// UTF-8 to code points and back.
#pragma once

#include <cstddef>
#include <filesystem>
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

/// The encoding of text in units of two or four bytes, by the beginning of a file: its byte order mark ("UTF-16",
/// "UTF-32") or, without one, the zeros of its first four characters, if these are ASCII ("UTF-16LE", ...). Empty:
/// none.
std::string wide_encoding(std::string_view head);

/// Throws UserError(kInput), with the file, the encoding and how to convert it, if a file begins like wide text.
void refuse_wide_text(std::string_view head, const std::filesystem::path& file);

/// A code point that text can hold: not a surrogate, not beyond U+10FFFF.
constexpr bool is_scalar_value(char32_t point) { return point < 0xd800 || (point > 0xdfff && point <= 0x10ffff); }

}  // namespace scalselect
