// Pillow's bicubic resampling to the last bit (Pillow, src/libImaging/Resample.c).
#pragma once

#include "data/image.h"

namespace scalselect {

/// Antialiased bicubic (a = -0.5): horizontal pass, then vertical, each rounded to 8 bits; a pass whose size does not
/// change is left out. `width`, `height` >= 1. (As Pillow up to version 12; version 13 takes the vertical pass first
/// where an image is enlarged in width and reduced in height, which no processor here asks for.)
Image resize_bicubic(const Image& image, int width, int height);

}  // namespace scalselect
