#include "vlm/tokenizers/byte_level.h"

namespace scalselect::vlm::tok {

const std::array<char32_t, 256>& byte_characters() {
  static const auto table = [] {
    std::array<char32_t, 256> characters{};
    char32_t next = 256;
    for (char32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
      characters[b] = printable ? b : next++;
    }
    return characters;
  }();
  return table;
}

std::optional<unsigned char> byte_of(char32_t character) {
  static const auto table = [] {
    std::array<int, 512> bytes{};
    bytes.fill(-1);
    for (int b = 0; b < 256; ++b) bytes[byte_characters()[static_cast<std::size_t>(b)]] = b;
    return bytes;
  }();
  if (character >= table.size() || table[character] < 0) return std::nullopt;
  return static_cast<unsigned char>(table[character]);
}

AlignedText to_byte_characters(const AlignedText& text) {
  AlignedText out;
  out.origin = text.origin;
  out.text.reserve(text.text.size() * 2);
  out.align.reserve(text.text.size() * 2);
  for (std::size_t i = 0; i < text.text.size(); ++i) {
    out.append(byte_characters()[static_cast<unsigned char>(text.text[i])], text.align[i]);
  }
  return out;
}

}  // namespace scalselect::vlm::tok
