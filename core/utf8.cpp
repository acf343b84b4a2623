#include "core/utf8.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace scalselect {

Utf8Character decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = byte(at);
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xc2 || lead > 0xf4) return {};
  const std::size_t bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(at + 1) < low || byte(at + 1) > high) return {};
  char32_t point = (lead & (0x7fU >> bytes)) << 6 | (byte(at + 1) & 0x3fU);
  for (std::size_t i = 2; i < bytes; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {U'\uFFFD', i, false};
    point = point << 6 | (byte(at + i) & 0x3fU);
  }
  return {point, bytes, true};
}

void append_utf8(std::string& text, char32_t point) {
  if (point < 0x80) {
    text += static_cast<char>(point);
  } else if (point < 0x800) {
    text += {static_cast<char>(0xc0 | point >> 6), static_cast<char>(0x80 | (point & 0x3f))};
  } else if (point < 0x10000) {
    text += {static_cast<char>(0xe0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 0x3f)),
             static_cast<char>(0x80 | (point & 0x3f))};
  } else {
    text += {static_cast<char>(0xf0 | point >> 18), static_cast<char>(0x80 | (point >> 12 & 0x3f)),
             static_cast<char>(0x80 | (point >> 6 & 0x3f)), static_cast<char>(0x80 | (point & 0x3f))};
  }
}

std::string repair_utf8(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto next = decode_utf8(bytes, at);
    if (next.valid) text += bytes.substr(at, next.bytes);
    else text += "\xef\xbf\xbd";
    at += next.bytes;
  }
  return text;
}

std::string wide_encoding(std::string_view head) {
  using std::operator""sv;
  if (head.starts_with("\xFF\xFE\0\0"sv) || head.starts_with("\0\0\xFE\xFF"sv)) return "UTF-32";
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) return "UTF-16";
  // Whether each unit of the first four characters is zero but for the byte at `low`.
  const auto units = [&](std::size_t bytes, std::size_t low) {
    const auto size = std::min(head.size() / bytes, std::size_t{4}) * bytes;
    if (size < 2 * bytes) return false;
    for (std::size_t i = 0; i < size; ++i) {
      if ((head[i] != '\0') != (i % bytes == low)) return false;
    }
    return true;
  };
  if (units(4, 0)) return "UTF-32LE";
  if (units(4, 3)) return "UTF-32BE";
  if (units(2, 0)) return "UTF-16LE";
  if (units(2, 1)) return "UTF-16BE";
  return "";
}

void refuse_wide_text(std::string_view head, const std::filesystem::path& file) {
  const auto encoding = wide_encoding(head);
  if (encoding.empty()) return;
  throw UserError(ErrorKind::kInput, fmt::format("'{}' is {} text, but UTF-8 is expected.", file.string(), encoding),
                  fmt::format("Convert it: iconv -f {} -t UTF-8.", encoding));
}

}  // namespace scalselect
