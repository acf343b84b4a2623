// The decoders behind data/image.h, one source file a format.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/image.h"

namespace scalselect::codecs {

/// What a decoder is given.
struct Source {
  std::span<const std::uint8_t> bytes;
  const std::string& name;  ///< for messages
  std::int64_t max_pixels;
};

/// Each throws UserError(kInput).
Image decode_png(const Source& source);
/// `orientation`: EXIF's value 1..8, 1 if there is none.
Image decode_jpeg(const Source& source, int& orientation);
Image decode_webp(const Source& source);
Image decode_gif(const Source& source);
Image decode_bmp(const Source& source);

/// "'x.png' is cut short." or "'x.png' is a damaged PNG file: why."
[[noreturn]] void cut_short(const Source& source);
[[noreturn]] void damaged(const Source& source, const char* format, const std::string& why);

/// An image of that size; refuses sizes below 1 and above the limit before it takes memory.
Image allocate(const Source& source, std::int64_t width, std::int64_t height);

}  // namespace scalselect::codecs
