#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include "data/image_codecs.h"

namespace scalselect::codecs {
namespace {

/// Where red, green and blue lie in a pixel of 16, 24 or 32 bits.
using Masks = std::array<std::uint32_t, 3>;
constexpr Masks k555{0x7C00, 0x3E0, 0x1F}, k565{0xF800, 0x7E0, 0x1F}, kBgr{0xFF0000, 0xFF00, 0xFF};

using Color = std::array<std::uint8_t, 3>;

struct Header {
  std::int64_t width = 0, height = 0;
  bool top_down = false;
  int bits = 0;                     // of a pixel, as it is read
  std::size_t stride = 0;           // from row to row
  std::size_t pixels = 0;           // where they begin
  std::array<Color, 256> colors{};  // black beyond the palette, as Pillow has it
  Masks masks = kBgr;
};

std::uint32_t number(const Source& source, std::size_t at, std::size_t bytes) {
  if (at + bytes > source.bytes.size()) cut_short(source);
  std::uint32_t value = 0;
  for (std::size_t i = bytes; i-- > 0;) value = value << 8 | source.bytes[at + i];
  return value;
}

/// The layouts that Pillow reads: two of 16 bits, one of 24, and some orders of whole bytes, which without masks is the
/// usual one. `alpha` is the fourth mask, or 0.
void check_masks(const Source& source, Header& header, std::uint32_t alpha) {
  using Four = std::array<std::uint32_t, 4>;
  static constexpr std::array<Four, 8> kBytes{{{0xFF0000, 0xFF00, 0xFF, 0},
                                               {0xFF000000, 0xFF0000, 0xFF00, 0},
                                               {0xFF000000, 0xFF00, 0xFF, 0},
                                               {0xFF000000, 0xFF0000, 0xFF00, 0xFF},
                                               {0xFF, 0xFF00, 0xFF0000, 0xFF000000},
                                               {0xFF0000, 0xFF00, 0xFF, 0xFF000000},
                                               {0xFF000000, 0xFF00, 0xFF, 0xFF0000},
                                               {}}};
  const auto& [red, green, blue] = header.masks;
  const bool known = header.bits == 16 ? header.masks == k555 || header.masks == k565
                     : header.bits == 24
                         ? header.masks == kBgr
                         : std::find(kBytes.begin(), kBytes.end(), Four{red, green, blue, alpha}) != kBytes.end();
  if (!known) unsupported(source, "BMP", "an unusual layout of its pixels' bits");
  if (header.masks == Masks{}) header.masks = kBgr;
}

/// The palette's `count` colours, of which the file may hold fewer. As Pillow: if they are the greys in order, they do
/// not count, and pixels are bytes, or bits if the colours are black and white.
void read_palette(const Source& source, Header& header, std::size_t begin, std::size_t count, std::size_t entry) {
  if (count > 65536) damaged(source, "BMP", "its palette has " + std::to_string(count) + " colors");
  const auto rest = source.bytes.subspan(std::min(begin, source.bytes.size()));
  const std::size_t whole = std::min(count, rest.size() / entry);
  bool greys = std::min(count, (rest.size() + entry - 3) / entry) == count;  // the last may lack its padding
  for (std::size_t i = 0; greys && i < count; ++i) {
    const auto* bgr = &rest[i * entry];
    const auto grey = static_cast<std::uint8_t>(count == 2 ? 255 * i : i);
    greys = bgr[0] == grey && bgr[1] == grey && bgr[2] == grey;
  }
  if (greys) {
    header.bits = count == 2 ? 1 : 8;
    for (std::size_t i = 0; i < 256; ++i) header.colors[i].fill(static_cast<std::uint8_t>(count == 2 && i ? 255 : i));
    return;
  }
  if (whole > 256) damaged(source, "BMP", "its palette holds more than 256 colors");
  for (std::size_t i = 0; i < whole; ++i) {
    const auto* bgr = &rest[i * entry];
    header.colors[i] = {bgr[2], bgr[1], bgr[0]};
  }
}

/// Reads the masks, if there are any; returns how many bytes they take behind the header.
std::size_t read_masks(const Source& source, Header& header, std::size_t info) {
  constexpr std::uint32_t kBitFields = 3;
  if (header.bits == 16) header.masks = k555;
  const auto compression = number(source, 30, 4);
  if (compression == 0) return 0;
  if (compression != kBitFields || header.bits < 16) unsupported(source, "BMP", "compressed pixels");
  for (std::size_t c = 0; c < 3; ++c) header.masks[c] = number(source, 54 + 4 * c, 4);
  check_masks(source, header, info >= 56 ? number(source, 66, 4) : 0);
  return info == 40 ? 12 : 0;
}

Header read_header(const Source& source) {
  constexpr std::array<std::size_t, 7> kSizes{12, 40, 52, 56, 64, 108, 124};
  constexpr std::array<int, 6> kBits{1, 4, 8, 16, 24, 32};
  Header header;
  const std::size_t info = number(source, 14, 4), end = 14 + info;
  if (std::find(kSizes.begin(), kSizes.end(), info) == kSizes.end())
    damaged(source, "BMP", "its header has an unknown size");
  const bool old = info == 12;  // of OS/2
  header.bits = static_cast<int>(number(source, old ? 24 : 28, 2));
  if (std::find(kBits.begin(), kBits.end(), header.bits) == kBits.end())
    unsupported(source, "BMP", std::to_string(header.bits) + " bits per pixel");
  std::size_t count = 0, masks = 0;
  if (old) {
    header.width = number(source, 18, 2);
    header.height = number(source, 20, 2);
  } else {
    header.width = static_cast<std::int32_t>(number(source, 18, 4));
    const auto height = static_cast<std::int32_t>(number(source, 22, 4));
    header.top_down = height < 0;
    header.height = std::abs(std::int64_t{height});
    count = number(source, 46, 4);
    masks = read_masks(source, header, info);
  }
  number(source, end - 1, 1);  // the header is whole
  const bool indexed = header.bits <= 8;
  const std::size_t entry = old ? 3 : 4;
  if (count == 0) count = std::size_t{1} << std::min(header.bits, 8);
  header.stride = (static_cast<std::size_t>(header.width) * header.bits + 31) / 32 * 4;
  header.pixels = number(source, 10, 4);
  if (header.pixels == 0) header.pixels = end + masks + (indexed ? count * entry : 0);  // not said
  if (header.pixels == end && indexed) header.pixels += 4 * count;  // where the palette is, says the file
  if (indexed) read_palette(source, header, end, count, entry);
  return header;
}

/// The bits of `pixel` under `mask` as 0..255, as Pillow: 255 * value / largest, rounded down.
std::uint8_t widened(std::uint32_t pixel, std::uint32_t mask) {
  const std::uint32_t value = (pixel & mask) >> std::countr_zero(mask), most = mask >> std::countr_zero(mask);
  return static_cast<std::uint8_t>(255 * value / most);
}

void put_row(const Source& source, const Header& header, std::size_t at, std::uint8_t* rgb) {
  const auto* row = source.bytes.data() + at;
  for (std::int64_t x = 0; x < header.width; ++x, rgb += 3) {
    if (header.bits == 16) {
      const auto pixel = static_cast<std::uint32_t>(row[2 * x] | row[2 * x + 1] << 8);
      for (int c = 0; c < 3; ++c) rgb[c] = widened(pixel, header.masks[c]);
    } else if (header.bits > 16) {
      for (int c = 0; c < 3; ++c) rgb[c] = row[header.bits / 8 * x + std::countr_zero(header.masks[c]) / 8];
    } else {
      const std::int64_t bit = x * header.bits;
      const std::size_t index = row[bit / 8] >> (8 - header.bits - bit % 8) & ((1 << header.bits) - 1);
      std::copy_n(header.colors[index].begin(), 3, rgb);
    }
  }
}

}  // namespace

Image decode_bmp(const Source& source) {
  const Header header = read_header(source);
  Image image = allocate(source, header.width, header.height);
  const std::size_t stride = header.stride;
  const std::size_t row_bytes = (static_cast<std::size_t>(header.width) * header.bits + 7) / 8;
  if (row_bytes > stride) damaged(source, "BMP", "its palette of greys needs pixels of 8 bits");
  // The padding of the last row may be missing.
  if (header.pixels > source.bytes.size() ||
      stride * static_cast<std::size_t>(header.height - 1) + row_bytes > source.bytes.size() - header.pixels) {
    cut_short(source);
  }
  for (std::int64_t y = 0; y < header.height; ++y) {
    const auto to = header.top_down ? y : header.height - 1 - y;
    put_row(source, header, header.pixels + stride * static_cast<std::size_t>(y),
            &image.rgb[static_cast<std::size_t>(to * header.width * 3)]);
  }
  return image;
}

}  // namespace scalselect::codecs
