// Pixel art: letters of 5 x 7, small shapes and arrows of 7 x 7.
#pragma once

#include <array>
#include <string_view>

#include "data/mini/scene.h"

namespace scalselect::mini {

inline constexpr int kGlyphWidth = 5, kGlyphHeight = 7, kSpriteSize = 7;

/// Rows of '#' and '.'; `letter` is 'a'..'z', drawn as a capital.
std::array<std::string_view, kGlyphHeight> glyph(char letter);

/// A small shape.
std::array<std::string_view, kSpriteSize> sprite(Shape shape);

/// An arrow one cell to the right, down, left or up: (row_step, col_step) = (0,1), (1,0), (0,-1), (-1,0).
bool arrow_pixel(int row_step, int col_step, int y, int x);

/// Whether pixel (x, y) of a 14 x 14 drawing of a large shape is filled.
bool large_shape_pixel(Shape shape, int y, int x);

}  // namespace scalselect::mini
