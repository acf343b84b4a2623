// Pillow's bicubic resampling to the last bit (Pillow, src/libImaging/Resample.c).
#pragma once

#include <cstdint>

#include "data/image.h"

namespace scalselect {

/// A part of a resized image, in its pixels.
struct Window {
  std::int64_t left = 0, top = 0;
  int width = 0, height = 0;
};

/// Antialiased bicubic (a = -0.5): horizontal pass, then vertical, each rounded to 8 bits; a pass whose size does not
/// change is left out. `width`, `height` >= 1. (As Pillow up to version 12; version 13 takes the vertical pass first
/// where an image is enlarged in width and reduced in height, which no processor here does.)
Image resize_bicubic(const Image& image, int width, int height);

/// The pixels of `window` alone, which must lie within width x height; nothing else is computed. Throws
/// UserError(kInput) for a side of more than 2^24 pixels that is reduced.
Image resize_bicubic(const Image& image, std::int64_t width, std::int64_t height, const Window& window);

}  // namespace scalselect
