// The chunks of a PNG file as Pillow reads them, which refuses some that libpng only warns of, and the other way round.
#pragma once

#include <cstddef>
#include <string>

#include "data/image_codecs.h"

namespace scalselect::codecs {

/// What libpng needs to know of a PNG file before its pixels.
struct PngStart {
  std::string head;        ///< signature, header and, for indexed colours, a palette with a colour for every index
  std::size_t pixels = 0;  ///< where the file's first chunk of pixels begins
};

/// Reads all chunks but those of pixels. Throws UserError(kInput) for the ones that Pillow refuses, before the pixels
/// and behind them.
PngStart read_png_chunks(const Source& source);

}  // namespace scalselect::codecs
