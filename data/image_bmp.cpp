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

struct Header {
  std::int64_t width = 0, height = 0;
  bool top_down = false;
  int bits = 0;
  std::size_t pixels = 0, palette = 0, colors = 0, color_bytes = 4;
  Masks masks = kBgr;
};

std::uint32_t number(const Source& source, std::size_t at, std::size_t bytes) {
  if (at + bytes > source.bytes.size()) cut_short(source);
  std::uint32_t value = 0;
  for (std::size_t i = bytes; i-- > 0;) value = value << 8 | source.bytes[at + i];
  return value;
}

constexpr std::uint32_t kBitFields = 3;

/// The layouts that Pillow reads: whole bytes, and two of 16 bits. Without masks it is the usual one.
void check_masks(const Source& source, Header& header) {
  if (header.bits == 32 && header.masks == Masks{}) header.masks = kBgr;
  if (header.bits == 16 && (header.masks == k555 || header.masks == k565)) return;
  const auto is_byte = [](std::uint32_t mask) {
    return mask == 0xFF || mask == 0xFF00 || mask == 0xFF0000 || mask == 0xFF000000;
  };
  const bool bytes = std::all_of(header.masks.begin(), header.masks.end(), is_byte);
  if (header.bits == 16 || !bytes || (header.bits == 24 && header.masks != kBgr)) {
    unsupported(source, "BMP", "an unusual layout of its pixels' bits");
  }
}

Header read_header(const Source& source) {
  Header header;
  header.pixels = number(source, 10, 4);
  const std::size_t info = number(source, 14, 4);
  header.palette = 14 + info;
  if (info == 12) {  // OS/2
    header.width = number(source, 18, 2);
    header.height = number(source, 20, 2);
    header.bits = static_cast<int>(number(source, 24, 2));
    header.color_bytes = 3;
  } else {
    if (info < 40) damaged(source, "BMP", "its header has an unknown size");
    header.width = static_cast<std::int32_t>(number(source, 18, 4));
    const auto height = static_cast<std::int32_t>(number(source, 22, 4));
    header.top_down = height < 0;
    header.height = std::abs(std::int64_t{height});
    header.bits = static_cast<int>(number(source, 28, 2));
    header.colors = number(source, 46, 4);
    if (header.bits == 16) header.masks = k555;
    const auto compression = number(source, 30, 4);
    if (compression == kBitFields && header.bits >= 16) {
      for (std::size_t c = 0; c < 3; ++c) header.masks[c] = number(source, 54 + 4 * c, 4);
      check_masks(source, header);
    } else if (compression != 0) {
      unsupported(source, "BMP", "compressed pixels");
    }
  }
  if (header.bits <= 8 && header.colors == 0) header.colors = std::size_t{1} << header.bits;
  if (header.pixels == 0) {  // not said: behind the colours (or masks), as Pillow takes it
    const bool masks_behind = info == 40 && header.bits >= 16 && number(source, 30, 4) == kBitFields;
    header.pixels = header.palette + (masks_behind ? 12 : 0);
    if (header.bits <= 8) header.pixels += header.colors * header.color_bytes;
  }
  const std::array<int, 6> known{1, 4, 8, 16, 24, 32};
  if (std::find(known.begin(), known.end(), header.bits) == known.end()) {
    unsupported(source, "BMP", std::to_string(header.bits) + " bits per pixel");
  }
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
    const std::uint8_t* bgr = nullptr;
    if (header.bits == 16) {
      const auto pixel = static_cast<std::uint32_t>(row[2 * x] | row[2 * x + 1] << 8);
      for (int c = 0; c < 3; ++c) rgb[c] = widened(pixel, header.masks[c]);
      continue;
    }
    if (header.bits == 32) {
      for (int c = 0; c < 3; ++c) rgb[c] = row[4 * x + std::countr_zero(header.masks[c]) / 8];
      continue;
    }
    if (header.bits == 24) {
      bgr = row + 3 * x;
    } else {
      const std::int64_t bit = x * header.bits;
      const std::size_t index = row[bit / 8] >> (8 - header.bits - bit % 8) & ((1 << header.bits) - 1);
      const std::size_t entry = header.palette + index * header.color_bytes;
      static constexpr std::array<std::uint8_t, 3> kBlack{};  // what Pillow takes for a colour that the palette lacks
      const bool known = index < header.colors && entry + header.color_bytes <= source.bytes.size();
      bgr = known ? source.bytes.data() + entry : kBlack.data();
    }
    rgb[0] = bgr[2], rgb[1] = bgr[1], rgb[2] = bgr[0];
  }
}

}  // namespace

Image decode_bmp(const Source& source) {
  const Header header = read_header(source);
  Image image = allocate(source, header.width, header.height);
  const std::size_t row_bits = static_cast<std::size_t>(header.width) * header.bits;
  const std::size_t stride = (row_bits + 31) / 32 * 4, row_bytes = (row_bits + 7) / 8;
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
