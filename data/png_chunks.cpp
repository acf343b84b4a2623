#include "data/png_chunks.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>
#include <string_view>

#include "core/crc32.h"

namespace scalselect::codecs {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kSignature = 8, kChunkHeader = 8, kChecksum = 4, kHeader = 13;
constexpr std::uint8_t kIndexed = 3;

std::uint32_t number(Bytes bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[at + i];
  return value;
}

void put_number(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

void put_chunk(std::string& out, std::string_view name, std::string_view data) {
  put_number(out, static_cast<std::uint32_t>(data.size()));
  const auto begin = out.size();
  out.append(name).append(data);
  put_number(out, crc32_of(std::string_view(out).substr(begin)));
}

/// Whether Pillow finds compressed data too long: it stops after 1 MiB, and something follows.
bool inflates_too_far(Bytes packed) {
  constexpr uInt kMost = 1 << 20;
  const auto out = std::make_unique_for_overwrite<std::uint8_t[]>(kMost);
  z_stream stream{};
  stream.next_in = const_cast<Bytef*>(packed.data());  // zlib reads only
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = out.get();
  stream.avail_out = kMost;
  if (inflateInit(&stream) != Z_OK) throw std::bad_alloc();
  const int status = inflate(&stream, Z_SYNC_FLUSH);
  const bool more = stream.avail_in > 0;
  inflateEnd(&stream);
  return status == Z_OK && more;
}

/// Takes what precedes the next zero byte off `bytes`, and that byte; without one, nothing.
std::optional<Bytes> take_text(Bytes& bytes) {
  const auto end = std::find(bytes.begin(), bytes.end(), 0);
  if (end == bytes.end()) return std::nullopt;
  const auto text = bytes.first(static_cast<std::size_t>(end - bytes.begin()));
  bytes = bytes.subspan(text.size() + 1);
  return text;
}

class Chunks {
 public:
  explicit Chunks(const Source& source) : source_(source) {}

  PngStart read() {
    while (next()) {
      if ((name_ == "IHDR") != (begin_ == kSignature)) fail("its first chunk alone may be its header");
      if (name_ == "IDAT") {
        begin_pixels();
      } else if (cut_) {
        cut_short(source_);
      } else {
        read_content();
        if (!pixels_) check_sum();
      }
    }
    if (!pixels_ && name_ != "IEND") cut_short(source_);
    if (!pixels_) fail("it holds no picture");
    return {head(), *pixels_};
  }

 private:
  const Source& source_;
  std::size_t at_ = kSignature, begin_ = 0;  // of the next chunk, of this one
  std::string_view name_;
  Bytes data_;        // as much of it as there is
  bool cut_ = false;  // by the file's end
  std::optional<std::size_t> pixels_;
  Bytes header_, palette_;
  std::optional<std::uint32_t> frames_, sequence_;  // of an animation
  bool frame_begun_ = false, animated_ = false;

  [[noreturn]] void fail(const std::string& why) const { damaged(source_, "PNG", why); }
  [[noreturn]] void fail_chunk(const char* why) const { fail(fmt::format("its {} chunk {}", name_, why)); }

  /// Goes to the next chunk, if Pillow does: not behind the end, what is no chunk, or a second frame's beginning.
  bool next() {
    const auto rest = source_.bytes.subspan(std::min(at_, source_.bytes.size()));
    if (rest.size() < kChunkHeader) return false;
    name_ = {reinterpret_cast<const char*>(rest.data()) + 4, 4};
    const auto in_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
    if (!std::all_of(name_.begin(), name_.end(), in_name)) {
      if (!pixels_) fail("it holds something that is no chunk before its pixels");
      return false;
    }
    const std::size_t length = number(rest, 0), there = rest.size() - kChunkHeader;
    begin_ = at_;
    at_ += kChunkHeader + length + kChecksum;
    data_ = rest.subspan(kChunkHeader, std::min(length, there));
    cut_ = length > there;
    return name_ != "IEND" && !(pixels_ && animated_ && name_ == "fcTL");
  }

  void check_sum() const {
    if (at_ > source_.bytes.size()) cut_short(source_);
    const std::string_view summed(name_.data(), name_.size() + data_.size());
    if (crc32_of(summed) != number(source_.bytes, at_ - kChecksum)) fail_chunk("does not fit its checksum");
  }

  void begin_pixels() {
    if (pixels_) return;
    pixels_ = begin_;
    animated_ = frames_ && (*frames_ > 1 || !frame_begun_);  // the pixels are a picture beside the frames
  }

  void need(std::size_t bytes) const {
    if (data_.size() < bytes) fail_chunk("is too short");
  }

  /// Only what Pillow does with a chunk that can fail, and what the pixels need.
  void read_content() {
    if (name_ == "IHDR") read_header();
    if (name_ == "PLTE" && !pixels_) read_palette();
    if (name_ == "tRNS") need(header_[9] == 0 ? 2 : header_[9] == 2 ? 6 : 0);
    if (name_ == "sRGB") need(1);
    if (name_ == "gAMA") need(4);
    if (name_ == "pHYs") need(9);
    if (name_ == "cHRM" && data_.size() % 4 != 0) fail_chunk("has an impossible length");
    if (name_ == "iCCP") read_profile();
    if (name_ == "zTXt") read_packed_text();
    if (name_ == "iTXt") read_international_text();
    if (name_ == "acTL") read_animation();
    if (name_ == "fcTL") read_frame();
    if (name_ == "fdAT") read_frame_pixels();
  }

  void read_header() {
    need(kHeader);
    if (data_[11] != 0) fail_chunk("names an unknown filter");
    header_ = data_.first(kHeader);
  }

  void read_palette() {
    if (header_[9] != kIndexed) return;
    if (data_.size() / 3 > 256) fail_chunk("holds more than 256 colors");
    palette_ = data_.first(data_.size() / 3 * 3);
  }

  void read_packed(Bytes packed) const {
    if (inflates_too_far(packed)) fail_chunk("holds more than 1 MB");
  }

  void read_profile() const {
    auto rest = data_;
    take_text(rest);
    if (rest.empty()) fail_chunk("is too short");
    if (rest[0] != 0) fail_chunk("is compressed in an unknown way");
    read_packed(rest.subspan(1));
  }

  void read_packed_text() const {
    auto rest = data_;
    if (!take_text(rest) || rest.empty()) return;
    if (rest[0] != 0) fail_chunk("is compressed in an unknown way");
    read_packed(rest.subspan(1));
  }

  void read_international_text() const {
    auto rest = data_;
    if (!take_text(rest) || rest.size() < 2) return;
    const bool packed = rest[0] != 0 && rest[1] == 0;
    rest = rest.subspan(2);
    if (take_text(rest) && take_text(rest) && packed) read_packed(rest);
  }

  void read_animation() {
    need(8);
    const auto frames = number(data_, 0);
    if (frames_) {
      frames_.reset();
    } else if (frames != 0 && frames <= 0x80000000) {
      frames_ = frames;
    }
  }

  void read_frame() {
    need(26);
    read_sequence(true);
    const auto within = [&](std::size_t size, std::size_t offset, std::size_t whole) {
      const auto end = std::uint64_t{number(data_, size)} + number(data_, offset),
                 limit = std::uint64_t{number(header_, whole)};
      return end < limit ? pixels_.has_value() : end == limit;  // the first frame is the whole picture
    };
    if (!within(4, 12, 0) || !within(8, 16, 4)) fail_chunk("does not fit the picture");
    frame_begun_ = true;
  }

  void read_frame_pixels() {
    need(4);
    if (!pixels_) fail_chunk("precedes the picture's own pixels");
    read_sequence(false);
  }

  void read_sequence(bool may_begin) {
    const auto value = number(data_, 0);
    const bool follows = sequence_ ? value == *sequence_ + 1 : may_begin && value == 0;
    if (!follows) fail_chunk("is out of sequence");
    sequence_ = value;
  }

  std::string head() const {
    std::string head(reinterpret_cast<const char*>(source_.bytes.data()), kSignature);
    std::string header(header_.begin(), header_.end());
    header[10] = 0;                // there is one compression, whatever the file calls it
    header[12] = header[12] != 0;  // and one way to interlace
    put_chunk(head, "IHDR", header);
    if (header_[9] == kIndexed) {
      std::string colors(palette_.begin(), palette_.end());
      colors.resize(std::size_t{3} << std::min<int>(header_[8], 8));  // black where the file has no colour
      put_chunk(head, "PLTE", colors);
    }
    return head;
  }
};

}  // namespace

PngStart read_png_chunks(const Source& source) { return Chunks(source).read(); }

}  // namespace scalselect::codecs
