// The size of a picture from its first bytes, without decoding it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace scalselect {

struct ImageHeader {
  const char* format = "";  ///< "PNG", "JPEG", "WebP", "GIF", "BMP"
  std::int64_t width = 0, height = 0;
};

/// `bytes`: a picture, or as much of its beginning as holds the sizes. Nothing if it is in none of the formats of
/// decode_image (data/image.h), or cut before its sizes. Whether the rest can be decoded is not looked at.
std::optional<ImageHeader> read_image_header(std::string_view bytes);

}  // namespace scalselect
