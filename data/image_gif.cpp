#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "data/gif_codes.h"
#include "data/image_codecs.h"

namespace scalselect::codecs {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Color = std::array<std::uint8_t, 3>;
using Colors = std::array<Color, 256>;

/// The first picture of a file, up to its pixels.
struct Frame {
  std::int64_t width = 0, height = 0;  // of the canvas
  int left = 0, top = 0, columns = 0, rows = 0;
  bool woven = false;
  int background = 0;  // a colour's index
  Colors colors{};
  int bits = 0;
  Bytes pixels;
};

/// Reads as Pillow does, which passes over what it does not know.
class FrameReader {
 public:
  explicit FrameReader(const Source& source) : source_(source), rest_(source.bytes) {}

  Frame read() {
    const auto screen = take_all(13);
    frame_.width = number(screen, 6);
    frame_.height = number(screen, 8);
    auto colors = read_colors(screen[10]);
    for (auto kind = take_all(1)[0]; kind != ','; kind = take_all(1)[0]) {
      if (kind == ';') damaged(source_, "GIF", "it holds no picture");
      if (kind == '!') read_extension();
    }
    const auto place = take_all(9);
    frame_.left = number(place, 0), frame_.top = number(place, 2);
    frame_.columns = number(place, 4), frame_.rows = number(place, 6);
    if (frame_.columns == 0 || frame_.rows == 0) damaged(source_, "GIF", "its picture is empty");
    frame_.width = std::max<std::int64_t>(frame_.width, frame_.left + frame_.columns);
    frame_.height = std::max<std::int64_t>(frame_.height, frame_.top + frame_.rows);
    frame_.woven = place[8] & 0x40;
    if (const auto own = read_colors(place[8])) colors = own;
    frame_.colors = colors ? *colors : greys();
    frame_.bits = take_all(1)[0];
    frame_.pixels = rest_;
    return frame_;
  }

 private:
  const Source& source_;
  Bytes rest_;
  Frame frame_;

  /// The next `count` bytes, or as many as there are.
  Bytes take(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

  Bytes take_all(std::size_t count) {
    if (rest_.size() < count) cut_short(source_);
    return take(count);
  }

  /// The next block of an extension; empty behind its last one.
  Bytes take_block() {
    const auto size = take(1);
    return size.empty() ? size : take(size[0]);
  }

  static bool starts_with(Bytes bytes, std::string_view text) {
    return bytes.size() >= text.size() && std::equal(text.begin(), text.end(), bytes.begin());
  }

  static int number(Bytes bytes, std::size_t at) { return bytes[at] | bytes[at + 1] << 8; }

  static Colors greys() {
    Colors colors;
    for (std::size_t i = 0; i < colors.size(); ++i) colors[i].fill(static_cast<std::uint8_t>(i));
    return colors;
  }

  /// The palette that `flags` announce, black beyond its end. As Pillow: one of greys in order is none.
  std::optional<Colors> read_colors(std::uint8_t flags) {
    if (!(flags & 0x80)) return std::nullopt;
    const std::size_t count = std::size_t{2} << (flags & 7);
    const auto bytes = take_all(3 * count);
    Colors colors{};
    for (std::size_t i = 0; i < count; ++i) std::copy_n(&bytes[3 * i], 3, colors[i].begin());
    const auto all = greys();
    if (std::equal(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), colors.begin())) return std::nullopt;
    return colors;
  }

  void read_extension() {
    constexpr std::uint8_t kControl = 249, kComment = 254, kApplication = 255;
    const auto kind = take_all(1)[0];
    const auto block = take_block();
    if (kind == kControl && !block.empty()) read_control(block);
    if (kind == kComment && block.empty()) return;
    if (kind == kApplication && starts_with(block, "NETSCAPE2.0")) take_block();  // an empty one does not end it
    while (!take_block().empty()) {
    }
  }

  void read_control(Bytes block) {
    const bool transparent = block[0] & 1;
    if (block.size() < (transparent ? 4 : 3)) damaged(source_, "GIF", "its control block is too short");
    if (transparent) frame_.background = block[3];
  }
};

/// Goes through a frame's rows in the order in which they are stored.
class Rows {
 public:
  explicit Rows(const Frame& frame) : rows_(frame.rows), pass_(frame.woven ? 0 : 3), step_(frame.woven ? 8 : 1) {}

  int row() const { return row_; }

  /// False behind the last.
  bool next() {
    constexpr std::array<int, 3> kFirst{4, 2, 1}, kStep{8, 4, 2};
    for (row_ += step_; row_ >= rows_; ++pass_) {
      if (pass_ == 3) return false;
      row_ = kFirst[static_cast<std::size_t>(pass_)];
      step_ = kStep[static_cast<std::size_t>(pass_)];
    }
    return true;
  }

 private:
  int rows_, row_ = 0, pass_, step_;
};

}  // namespace

// As Pillow: the canvas is the screen, enlarged if the first frame sticks out, filled with the transparent colour if
// there is one and with colour 0 otherwise.
Image decode_gif(const Source& source) {
  const Frame frame = FrameReader(source).read();
  Image image = allocate(source, frame.width, frame.height);
  const auto put = [&](std::int64_t pixel, std::size_t index) {
    std::copy_n(frame.colors[index].begin(), 3, &image.rgb[3 * static_cast<std::size_t>(pixel)]);
  };
  for (std::int64_t i = 0; i < frame.width * frame.height; ++i) put(i, static_cast<std::size_t>(frame.background));
  GifCodes codes(source, frame.pixels, frame.bits);
  Rows rows(frame);
  for (int x = 0;;) {
    for (const auto index : codes.next()) {
      put((frame.top + rows.row()) * frame.width + frame.left + x, index);
      if (++x < frame.columns) continue;
      if (!rows.next()) return image;
      x = 0;
    }
  }
}

}  // namespace scalselect::codecs
