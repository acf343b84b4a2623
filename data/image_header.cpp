#include "data/image_header.h"

#include <webp/decode.h>

#include <cstddef>
#include <cstdlib>

namespace scalselect {
namespace {

std::int64_t byte(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

std::int64_t big_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | byte(bytes, at + i);
  return value;
}

std::int64_t little_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::int64_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | byte(bytes, at + i);
  return value;
}

std::optional<ImageHeader> png(std::string_view bytes) {
  if (bytes.size() < 24) return {};
  return ImageHeader{"PNG", big_endian(bytes, 16, 4), big_endian(bytes, 20, 4)};
}

/// Goes from marker to marker until the one that begins a frame.
std::optional<ImageHeader> jpeg(std::string_view bytes) {
  for (std::size_t at = 2; at + 9 <= bytes.size();) {
    if (byte(bytes, at) != 0xFF) return {};
    const auto marker = byte(bytes, at + 1);
    if (marker == 0xFF) {  // padding
      ++at;
      continue;
    }
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame) return ImageHeader{"JPEG", big_endian(bytes, at + 7, 2), big_endian(bytes, at + 5, 2)};
    const bool alone = marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8);
    at += alone ? 2 : 2 + static_cast<std::size_t>(big_endian(bytes, at + 2, 2));
  }
  return {};
}

std::optional<ImageHeader> webp(std::string_view bytes) {
  int width = 0, height = 0;
  if (WebPGetInfo(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), &width, &height) == 0) return {};
  return ImageHeader{"WebP", width, height};
}

std::optional<ImageHeader> gif(std::string_view bytes) {
  if (bytes.size() < 10) return {};
  return ImageHeader{"GIF", little_endian(bytes, 6, 2), little_endian(bytes, 8, 2)};
}

std::optional<ImageHeader> bmp(std::string_view bytes) {
  if (bytes.size() < 26) return {};
  if (little_endian(bytes, 14, 4) == 12) {  // the oldest header
    return ImageHeader{"BMP", little_endian(bytes, 18, 2), little_endian(bytes, 20, 2)};
  }
  const auto width = static_cast<std::int32_t>(little_endian(bytes, 18, 4));
  const auto height = static_cast<std::int32_t>(little_endian(bytes, 22, 4));  // negative: rows from the top
  if (width < 1 || height == 0) return {};
  return ImageHeader{"BMP", width, std::abs(static_cast<std::int64_t>(height))};
}

}  // namespace

std::optional<ImageHeader> read_image_header(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return png(bytes);
  if (bytes.starts_with("\xff\xd8\xff")) return jpeg(bytes);
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return webp(bytes);
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return gif(bytes);
  if (bytes.starts_with("BM")) return bmp(bytes);
  return {};
}

}  // namespace scalselect
