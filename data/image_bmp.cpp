#include <algorithm>
#include <array>
#include <cstdlib>

#include "data/image_codecs.h"

namespace scalselect::codecs {
namespace {

struct Header {
  std::int64_t width = 0, height = 0;
  bool top_down = false;
  int bits = 0;
  std::size_t pixels = 0, palette = 0, colors = 0, color_bytes = 4;
};

std::uint32_t number(const Source& source, std::size_t at, std::size_t bytes) {
  if (at + bytes > source.bytes.size()) cut_short(source);
  std::uint32_t value = 0;
  for (std::size_t i = bytes; i-- > 0;) value = value << 8 | source.bytes[at + i];
  return value;
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
    if (number(source, 30, 4) != 0) damaged(source, "BMP", "compressed pixels are not supported");
    header.colors = number(source, 46, 4);
  }
  if (header.bits <= 8 && header.colors == 0) header.colors = std::size_t{1} << header.bits;
  const std::array<int, 5> known{1, 4, 8, 24, 32};
  if (std::find(known.begin(), known.end(), header.bits) == known.end()) {
    damaged(source, "BMP", std::to_string(header.bits) + " bits a pixel are not supported");
  }
  return header;
}

void put_row(const Source& source, const Header& header, std::size_t at, std::uint8_t* rgb) {
  const auto* row = source.bytes.data() + at;
  for (std::int64_t x = 0; x < header.width; ++x, rgb += 3) {
    const std::uint8_t* bgr = nullptr;
    if (header.bits >= 24) {
      bgr = row + x * (header.bits / 8);
    } else {
      const std::int64_t bit = x * header.bits;
      const std::size_t index = row[bit / 8] >> (8 - header.bits - bit % 8) & ((1 << header.bits) - 1);
      if (index >= header.colors) damaged(source, "BMP", "a pixel lies outside its palette");
      bgr = source.bytes.data() + header.palette + index * header.color_bytes;
    }
    rgb[0] = bgr[2], rgb[1] = bgr[1], rgb[2] = bgr[0];
  }
}

}  // namespace

Image decode_bmp(const Source& source) {
  const Header header = read_header(source);
  Image image = allocate(source, header.width, header.height);
  const std::size_t stride = (static_cast<std::size_t>(header.width) * header.bits + 31) / 32 * 4;
  const std::size_t palette_end = header.palette + (header.bits <= 8 ? header.colors * header.color_bytes : 0);
  if (palette_end > source.bytes.size() || header.pixels > source.bytes.size() ||
      stride * static_cast<std::size_t>(header.height) > source.bytes.size() - header.pixels) {
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
