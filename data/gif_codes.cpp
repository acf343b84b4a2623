#include "data/gif_codes.h"

#include <algorithm>

namespace scalselect::codecs {

GifCodes::GifCodes(const Source& source, std::span<const std::uint8_t> blocks, int bits)
    : source_(source), rest_(blocks), bits_(bits), clear_(1u << std::min(bits, 12)) {
  if (bits > 12) broken();
  clear();
}

void GifCodes::broken() const { damaged(source_, "GIF", "its pixels hold an impossible code"); }

void GifCodes::clear() {
  free_ = clear_ + 2;
  code_bits_ = bits_ + 1;
  fresh_ = true;
}

/// Blocks are whole or not there; an empty one ends nothing.
std::uint8_t GifCodes::next_byte() {
  while (block_ == 0) {
    if (rest_.empty() || rest_.size() <= rest_[0]) cut_short(source_);
    block_ = rest_[0];
    rest_ = rest_.subspan(1);
  }
  --block_;
  const auto byte = rest_[0];
  rest_ = rest_.subspan(1);
  return byte;
}

std::uint32_t GifCodes::next_code() {
  for (; buffered_ < code_bits_; buffered_ += 8) buffer_ |= std::uint32_t{next_byte()} << buffered_;
  const auto code = buffer_ & ((1u << code_bits_) - 1);
  buffer_ >>= code_bits_;
  buffered_ -= code_bits_;
  return code;
}

std::span<const std::uint8_t> GifCodes::next() {
  auto code = next_code();
  for (; code == clear_; code = next_code()) clear();
  if (code == clear_ + 1) damaged(source_, "GIF", "its pixels end too early");
  if (code > (fresh_ ? clear_ : free_)) broken();
  const auto pixels = expand(code);
  if (!fresh_) learn(pixels[0]);
  fresh_ = false;
  last_ = code;
  return pixels;
}

std::span<const std::uint8_t> GifCodes::expand(std::uint32_t code) {
  std::size_t begin = pixels_.size();
  const auto put = [&](std::uint8_t pixel) {
    if (begin == 1) broken();
    pixels_[--begin] = pixel;
  };
  if (code == free_ && !fresh_) {  // the code before, and its first pixel again
    put(first_);
    code = last_;
  }
  for (; code >= clear_; code = prefix_[code]) {
    if (code >= kTable) broken();
    put(suffix_[code]);
  }
  first_ = static_cast<std::uint8_t>(code);
  pixels_[--begin] = first_;
  return std::span(pixels_).subspan(begin);
}

void GifCodes::learn(std::uint8_t pixel) {
  constexpr int kMostBits = 12;
  if (free_ >= kTable) return;  // 12 bits a pixel leave no room at all
  suffix_[free_] = pixel;
  prefix_[free_] = static_cast<std::uint16_t>(last_);
  if (free_ == (1u << code_bits_) - 1 && code_bits_ < kMostBits) ++code_bits_;
  ++free_;
}

}  // namespace scalselect::codecs
