// The decoders for data/image.h, one source file per format.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/image.h"

namespace scalselect::codecs {

/// The input of a decoder.
struct Source {
  std::span<const std::uint8_t> bytes;
  const std::string& name;  ///< for messages
  const DecodeOptions& options;
  ByteClaim* claim = nullptr;  ///< on a shared budget, if there is one
};

/// Each throws UserError(kInput).
Image decode_png(const Source& source);
Image decode_jpeg(const Source& source);
Image decode_webp(const Source& source);
Image decode_gif(const Source& source);
Image decode_bmp(const Source& source);

/// "'x.png' is cut short.", "'x.png' is a damaged PNG file: why." or "'x.png' is a PNG file with what, which is not
/// supported."
[[noreturn]] void cut_short(const Source& source);
[[noreturn]] void damaged(const Source& source, const char* format, const std::string& why);
[[noreturn]] void unsupported(const Source& source, const char* format, const std::string& what);

/// An image of that size; `beside`: bytes that its decoder needs besides the pixels. Refuses sizes below 1 and
/// above the limits, and waits for its share of a budget, before it allocates.
Image allocate(const Source& source, std::int64_t width, std::int64_t height, std::int64_t beside = 0);

}  // namespace scalselect::codecs
