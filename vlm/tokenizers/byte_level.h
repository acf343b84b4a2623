// GPT-2's bytes as printable characters: printable Latin-1 as itself, the other 68 bytes as U+0100, U+0101,
// ...
#pragma once

#include <array>
#include <optional>
#include <string>

#include "vlm/tokenizers/aligned_text.h"

namespace scalselect::vlm::tok {

/// Byte -> character.
const std::array<char32_t, 256>& byte_characters();

/// Character -> byte.
std::optional<unsigned char> byte_of(char32_t character);

/// Every byte of the text as its character; alignment is kept.
AlignedText to_byte_characters(const AlignedText& text);

/// GPT-2's word pattern.
inline constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

}  // namespace scalselect::vlm::tok
