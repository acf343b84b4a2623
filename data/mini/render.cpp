#include "data/mini/render.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/mini/font.h"

namespace scalselect::mini {
namespace {

using Rgb = std::array<int, 3>;

constexpr std::array<Rgb, kColors> kInk = {{{215, 30, 35},
                                            {20, 150, 50},
                                            {35, 70, 225},
                                            {235, 195, 0},
                                            {140, 45, 185},
                                            {245, 120, 15},
                                            {25, 25, 25},
                                            {0, 185, 205}}};
constexpr std::array<Rgb, 6> kPaper = {
    {{250, 250, 250}, {240, 240, 228}, {228, 238, 248}, {246, 232, 236}, {230, 244, 232}, {238, 232, 246}}};
constexpr Rgb kLabelInk = {70, 70, 78}, kSignInk = {255, 255, 255}, kArrowInk = {90, 90, 96};
constexpr double kNoiseSigma = 6;
constexpr int kColorVariation = 10;

/// Draws onto the picture; without a random stream there is neither jitter nor variation.
class Painter {
 public:
  Painter(const Scene& scene, Rng* noise) : noise_(noise) {
    image_.width = image_.height = kImageSize;
    const Rgb& paper = kPaper[scene.background];
    for (int i = 0; i < kImageSize * kImageSize; ++i) {
      for (int value : paper) image_.rgb.push_back(static_cast<std::uint8_t>(value));
    }
  }

  /// A drawing of height x width somewhere inside `patches` x `patches` patches from (row, col).
  template <class Filled>
  void draw(int row, int col, int patches, int height, int width, Rgb ink, const Filled& filled) {
    const int top = row * kPatchSize + offset(patches * kPatchSize - height);
    const int left = col * kPatchSize + offset(patches * kPatchSize - width);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        if (filled(y, x)) set(top + y, left + x, ink);
      }
    }
  }

  void letter(int row, int col, char which, Rgb ink) {
    const auto rows = glyph(which);
    draw(row, col, 1, kGlyphHeight, kGlyphWidth, ink, [&](int y, int x) { return rows[y][x] == '#'; });
  }

  void shape(int row, int col, Shape which, Size size, Rgb ink) {
    const auto rows = sprite(which);
    if (size == Size::kSmall) {
      draw(row, col, 1, kSpriteSize, kSpriteSize, ink, [&](int y, int x) { return rows[y][x] == '#'; });
    } else {
      draw(row, col, 2, 14, 14, ink, [&](int y, int x) { return large_shape_pixel(which, y, x); });
    }
  }

  /// `height` pixels up from the top of row 5, 6 pixels wide.
  void bar(int col, int height, Rgb ink) {
    const int left = col * kPatchSize + offset(2), bottom = 5 * kPatchSize;
    for (int y = bottom - height; y < bottom; ++y) {
      for (int x = left; x < left + 6; ++x) set(y, x, ink);
    }
  }

  void fill_patch(int row, int col, Rgb ink) {
    for (int y = 0; y < kPatchSize; ++y) {
      for (int x = 0; x < kPatchSize; ++x) set(row * kPatchSize + y, col * kPatchSize + x, ink);
    }
  }

  Rgb varied(Color color) {
    Rgb ink = kInk[static_cast<int>(color)];
    if (noise_) {
      for (int& value : ink) value += static_cast<int>(noise_->between(-kColorVariation, kColorVariation));
    }
    return ink;
  }

  Image finish() {
    if (noise_) {
      for (std::uint8_t& value : image_.rgb) {
        const double noisy = std::round(value + kNoiseSigma * noise_->normal());
        value = static_cast<std::uint8_t>(std::clamp(noisy, 0.0, 255.0));
      }
    }
    return std::move(image_);
  }

 private:
  /// Where in `room` spare pixels: the middle, moved by at most one.
  int offset(int room) {
    const int middle = room / 2;
    if (!noise_) return middle;
    return static_cast<int>(noise_->between(std::max(0, middle - 1), std::min(room, middle + 1)));
  }

  void set(int y, int x, const Rgb& ink) {
    for (int c = 0; c < 3; ++c) {
      image_.rgb[(y * kImageSize + x) * 3 + c] = static_cast<std::uint8_t>(std::clamp(ink[c], 0, 255));
    }
  }

  Image image_;
  Rng* noise_;
};

void paint_item(Painter& painter, const Item& item) {
  const Rgb ink = painter.varied(item.color);
  if (!item.shape) {
    painter.letter(item.row, item.col, item.letter, ink);
    return;
  }
  painter.shape(item.row, item.col, *item.shape, item.size, ink);
  if (item.letter) painter.letter(item.row, item.col + 2, item.letter, kLabelInk);
}

void paint_column(Painter& painter, const Column& column) {
  const Rgb ink = painter.varied(column.color);
  if (column.shape) {
    for (int i = 0; i < column.value; ++i) painter.shape(4 - i, column.col, *column.shape, Size::kSmall, ink);
  } else {
    painter.bar(column.col, 4 * column.value, ink);
  }
  painter.letter(5, column.col, column.letter, kLabelInk);
}

void paint_arrow(Painter& painter, const Item& from, const Item& to) {
  const int row_step = (to.row - from.row) / 2, col_step = (to.col - from.col) / 2;
  painter.draw(from.row + row_step, from.col + col_step, 1, kSpriteSize, kSpriteSize, kArrowInk,
               [&](int y, int x) { return arrow_pixel(row_step, col_step, y, x); });
}

void paint_word(Painter& painter, const Word& word) {
  const Rgb ink = painter.varied(word.color);
  for (std::size_t i = 0; i < word.text.size(); ++i) {
    const int col = word.col + static_cast<int>(i);
    if (word.sign) painter.fill_patch(word.row, col, ink);
    painter.letter(word.row, col, word.text[i], word.sign ? kSignInk : ink);
  }
}

Image paint(const Scene& scene, Rng* noise) {
  Painter painter(scene, noise);
  for (const Item& item : scene.items) paint_item(painter, item);
  for (const Arrow& arrow : scene.arrows) paint_arrow(painter, scene.items[arrow.from], scene.items[arrow.to]);
  for (const Column& column : scene.columns) paint_column(painter, column);
  if (scene.word) paint_word(painter, *scene.word);
  return painter.finish();
}

}  // namespace

Image render(const Scene& scene, Rng& noise) { return paint(scene, &noise); }

Image render_clean(const Scene& scene) { return paint(scene, nullptr); }

Image contact_sheet(const std::vector<Image>& pictures, int columns, int scale) {
  const int gap = 4, tile = kImageSize * scale + gap;
  const int rows = (static_cast<int>(pictures.size()) + columns - 1) / columns;
  Image sheet;
  sheet.width = columns * tile + gap;
  sheet.height = rows * tile + gap;
  sheet.rgb.assign(static_cast<std::size_t>(sheet.width) * sheet.height * 3, 128);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const int top = gap + static_cast<int>(i) / columns * tile, left = gap + static_cast<int>(i) % columns * tile;
    for (int y = 0; y < kImageSize * scale; ++y) {
      for (int x = 0; x < kImageSize * scale; ++x) {
        const auto* from = &pictures[i].rgb[((y / scale) * kImageSize + x / scale) * 3];
        std::copy_n(from, 3, &sheet.rgb[(static_cast<std::size_t>(top + y) * sheet.width + left + x) * 3]);
      }
    }
  }
  return sheet;
}

}  // namespace scalselect::mini
