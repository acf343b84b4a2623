#include "data/mini/font.h"

#include <cmath>

#include "core/check.h"

namespace scalselect::mini {
namespace {

// Seven rows per letter, joined.
constexpr std::array<std::string_view, 26> kLetters = {
    ".###.#...##...#######...##...##...#",  // a
    "####.#...##...#####.#...##...#####.",  // b
    ".###.#...##....#....#....#...#.###.",  // c
    "####.#...##...##...##...##...#####.",  // d
    "######....#....####.#....#....#####",  // e
    "######....#....####.#....#....#....",  // f
    ".###.#...##....#.####...##...#.###.",  // g
    "#...##...##...#######...##...##...#",  // h
    ".###...#....#....#....#....#...###.",  // i
    "..###...#....#....#....#.#..#..##..",  // j
    "#...##..#.#.#..##...#.#..#..#.#...#",  // k
    "#....#....#....#....#....#....#####",  // l
    "#...###.###.#.##.#.##...##...##...#",  // m
    "#...###..##.#.##..###...##...##...#",  // n
    ".###.#...##...##...##...##...#.###.",  // o
    "####.#...##...#####.#....#....#....",  // p
    ".###.#...##...##...##.#.##..#..##.#",  // q
    "####.#...##...#####.#.#..#..#.#...#",  // r
    ".#####....#.....###.....#....#####.",  // s
    "#####..#....#....#....#....#....#..",  // t
    "#...##...##...##...##...##...#.###.",  // u
    "#...##...##...##...##...#.#.#...#..",  // v
    "#...##...##...##.#.##.#.###.###...#",  // w
    "#...##...#.#.#...#...#.#.#...##...#",  // x
    "#...##...#.#.#...#....#....#....#..",  // y
    "#####....#...#...#...#...#....#####",  // z
};

constexpr std::array<std::string_view, kShapes> kSprites = {
    "..###...#####.#######"
    "#######"
    "#######.#####...###..",  // circle
    "#######"
    "#######"
    "#######"
    "#######"
    "#######"
    "#######"
    "#######",                                            // square
    "...#......#.....###....###...#####..#####.#######",  // triangle
    "...#.....###...#####.#######.#####...###.....#...",  // diamond
    "..###....###..#####################..###....###..",  // cross
    "..###...#...#.#.....##.....##.....#.#...#...###..",  // ring
    ".##.##.#####################.#####...###.....#...",  // heart
};

constexpr std::string_view kRightArrow = "..........#......##..######....##.....#..........";

}  // namespace

std::array<std::string_view, kGlyphHeight> glyph(char letter) {
  SCALSELECT_CHECK(letter >= 'a' && letter <= 'z');
  std::array<std::string_view, kGlyphHeight> rows;
  for (int y = 0; y < kGlyphHeight; ++y) rows[y] = kLetters[letter - 'a'].substr(y * kGlyphWidth, kGlyphWidth);
  return rows;
}

std::array<std::string_view, kSpriteSize> sprite(Shape shape) {
  std::array<std::string_view, kSpriteSize> rows;
  for (int y = 0; y < kSpriteSize; ++y) {
    rows[y] = kSprites[static_cast<int>(shape)].substr(y * kSpriteSize, kSpriteSize);
  }
  return rows;
}

bool arrow_pixel(int row_step, int col_step, int y, int x) {
  if (row_step != 0) std::swap(y, x);
  if (row_step + col_step < 0) x = kSpriteSize - 1 - x;
  return kRightArrow[y * kSpriteSize + x] == '#';
}

bool large_shape_pixel(Shape shape, int y, int x) {
  const double u = x - 6.5, v = y - 6.5, radius = std::hypot(u, v);
  switch (shape) {
    case Shape::kCircle: return radius < 7;
    case Shape::kSquare: return true;
    case Shape::kTriangle: return std::abs(u) <= (y + 1) / 2.0;
    case Shape::kDiamond: return std::abs(u) + std::abs(v) <= 7;
    case Shape::kCross: return std::abs(u) < 2.5 || std::abs(v) < 2.5;
    case Shape::kRing: return radius < 7 && radius > 4;
    case Shape::kHeart:
      if (y < 5) return std::hypot(std::abs(u) - 3.5, y - 4.0) < 3.9;
      return std::abs(u) <= 7.0 - 0.78 * (y - 4);
  }
  return false;
}

}  // namespace scalselect::mini
