#include <fmt/format.h>
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <csetjmp>
#include <cstring>
#include <new>
#include <string_view>

#include "core/check.h"
#include "core/files.h"
#include "data/image_codecs.h"

namespace scalselect {
namespace codecs {
namespace {

// libpng reports errors by longjmp; everything with a destructor is in here, outside the frames that it jumps over.
struct Reader {
  const Source& source;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::size_t at = 0;
  bool at_end = false;
  std::string error;
  Image image;
  std::vector<std::uint8_t> wide;  // 16-bit grey before clipping
  bool last_row = false;           // libpng was asked to convert it
  bool complete = false;           // every pixel is there; what follows is ignored
  bool mismatch = false;           // of the pixels' checksum

  explicit Reader(const Source& s) : source(s) {}
  ~Reader() { png_destroy_read_struct(&png, info ? &info : nullptr, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
  static_cast<Reader*>(png_get_error_ptr(png))->error = message;
  png_longjmp(png, 1);
}
/// After the last pixel libpng only warns of a wrong Adler-32.
void on_warning(png_structp png, png_const_charp message) {
  auto& reader = *static_cast<Reader*>(png_get_error_ptr(png));
  if (std::strstr(message, "incorrect data check")) reader.mismatch = true;
}

/// The last row is complete; libpng is only looking for the end of the data.
void on_row(png_structp png, png_row_infop, png_bytep) {
  auto& reader = *static_cast<Reader*>(png_get_user_transform_ptr(png));
  reader.complete = reader.last_row;
}

/// A chunk of pixels that the file's end cuts is as long as what is there of it: all pixels may be.
void shorten_cut_pixels(const Reader& reader, png_bytep chunk) {
  const std::size_t rest = reader.source.bytes.size() - reader.at;
  if (std::memcmp(chunk + 4, "IDAT", 4) == 0 && png_get_uint_32(chunk) > rest)
    png_save_uint_32(chunk, static_cast<png_uint_32>(rest));
}

void on_read(png_structp png, png_bytep out, std::size_t count) {
  constexpr std::size_t kChunkHeader = 8;
  auto& reader = *static_cast<Reader*>(png_get_io_ptr(png));
  if (count > reader.source.bytes.size() - reader.at) {
    reader.at_end = true;
    png_error(png, "end of file");
  }
  std::memcpy(out, reader.source.bytes.data() + reader.at, count);
  reader.at += count;
  if (count == kChunkHeader) shorten_cut_pixels(reader, out);
}

/// No chunk that libpng does not know matters, not even one whose name says that it does (Pillow passes them over).
int on_unknown_chunk(png_structp, png_unknown_chunkp) { return 1; }

bool read_header(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_chunk_malloc_max(reader.png, 0);  // the file is in memory, and none is longer
  png_set_read_user_chunk_fn(reader.png, nullptr, on_unknown_chunk);
  png_set_read_fn(reader.png, &reader, on_read);
  png_read_info(reader.png, reader.info);
  return true;
}

/// Asks libpng for 8-bit RGB; true if the file is 16-bit grey, which Pillow clips instead of shifting.
bool request_rgb(Reader& reader) {
  const auto type = png_get_color_type(reader.png, reader.info);
  const auto depth = png_get_bit_depth(reader.png, reader.info);
  if (type == PNG_COLOR_TYPE_GRAY && depth == 16) return true;
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(reader.png);
  if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(reader.png);
  if (depth == 16) png_set_strip_16(reader.png);
  if (!(type & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(reader.png);
  png_set_strip_alpha(reader.png);
  return false;
}

bool read_pixels(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return reader.complete;
  const bool wide = request_rgb(reader);
  const int passes = png_set_interlace_handling(reader.png);
  png_set_crc_action(reader.png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);  // as Pillow: zlib's own checksum counts
  png_set_user_transform_info(reader.png, &reader, 0, 0);
  png_set_read_user_transform_fn(reader.png, on_row);
  png_read_update_info(reader.png, reader.info);
  const std::size_t stride = png_get_rowbytes(reader.png, reader.info);
  SCALSELECT_CHECK(stride == static_cast<std::size_t>(reader.image.width) * (wide ? 2 : 3));
  if (wide) reader.wide.resize(stride * reader.image.height);
  auto* pixels = wide ? reader.wide.data() : reader.image.rgb.data();
  for (int pass = 0; pass < passes; ++pass) {
    for (int y = 0; y < reader.image.height; ++y) {
      reader.last_row = pass + 1 == passes && y + 1 == reader.image.height;
      // The last pass of an interlaced image holds the odd rows only.
      if (reader.last_row && passes > 1 && y % 2 == 0) reader.complete = true;
      png_read_row(reader.png, pixels + stride * y, nullptr);
    }
  }
  return true;
}

/// A chunk of the file, as its first eight bytes declare it.
struct Chunk {
  static constexpr std::size_t kHeader = 8, kChecksum = 4;
  std::string_view name;
  std::size_t length = 0;

  explicit Chunk(const std::uint8_t* bytes)
      : name(reinterpret_cast<const char*>(bytes + 4), 4), length(png_get_uint_32(bytes)) {}
  bool is_named() const {
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; });
  }
};
constexpr std::size_t kSignature = 8;

/// What Pillow refuses before the pixels and libpng lets pass: any chunk with a wrong checksum. Empty: nothing.
std::string fault_before_pixels(std::span<const std::uint8_t> bytes) {
  for (std::size_t at = kSignature; at + Chunk::kHeader <= bytes.size();) {
    const Chunk chunk(&bytes[at]);
    if (chunk.name == "IDAT" || chunk.name == "IEND" || !chunk.is_named()) break;
    const std::size_t after = bytes.size() - at - Chunk::kHeader;
    if (after < Chunk::kChecksum || chunk.length > after - Chunk::kChecksum) break;
    const auto* name = &bytes[at + 4];
    const auto sum = crc32(crc32(0, nullptr, 0), name, static_cast<uInt>(4 + chunk.length));
    if (sum != png_get_uint_32(name + 4 + chunk.length))
      return fmt::format("its {} chunk does not fit its checksum", chunk.name);
    at += Chunk::kHeader + chunk.length + Chunk::kChecksum;
  }
  return {};
}

/// As Pillow, which reads the names and lengths of the chunks after the pixels, up to the first that is not a chunk, or
/// that belongs to a second frame. Chunks of pixels may be cut once all pixels are there.
bool cut_after_pixels(std::span<const std::uint8_t> bytes) {
  bool animated = false, seen = false;
  for (std::size_t at = kSignature; at + Chunk::kHeader <= bytes.size();) {
    const Chunk chunk(&bytes[at]);
    if (chunk.name == "IEND" || !chunk.is_named()) return false;
    if (chunk.name == "acTL") animated = true;
    if (chunk.name == "IDAT") seen = true;
    if (animated && seen && (chunk.name == "fcTL" || chunk.name == "fdAT")) return false;
    if (chunk.length > bytes.size() - at - Chunk::kHeader) return chunk.name != "IDAT";
    at += Chunk::kHeader + chunk.length + Chunk::kChecksum;
  }
  return false;
}

}  // namespace

Image decode_png(const Source& source) {
  Reader reader(source);
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  reader.info = png_create_info_struct(reader.png);
  const auto fail = [&] {
    if (reader.at_end) cut_short(source);
    if (reader.error == "Out of memory") throw std::bad_alloc();
    damaged(source, "PNG", reader.error);
  };
  if (!read_header(reader)) fail();
  if (const auto fault = fault_before_pixels(source.bytes); !fault.empty()) damaged(source, "PNG", fault);
  const std::int64_t width = png_get_image_width(reader.png, reader.info);
  const std::int64_t height = png_get_image_height(reader.png, reader.info);
  const bool deep = png_get_bit_depth(reader.png, reader.info) == 16;
  reader.image = allocate(source, width, height, deep ? 2 * width * height : 0);
  if (!read_pixels(reader)) fail();
  if (reader.mismatch) damaged(source, "PNG", "its pixels do not fit their checksum");
  if (cut_after_pixels(source.bytes)) cut_short(source);
  for (std::size_t i = 0; i < reader.wide.size() / 2; ++i) {
    const std::uint8_t grey = reader.wide[2 * i] ? 255 : reader.wide[2 * i + 1];
    std::fill_n(&reader.image.rgb[3 * i], 3, grey);
  }
  return std::move(reader.image);
}

}  // namespace codecs

namespace {

struct Writer {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string bytes;
  ~Writer() { png_destroy_write_struct(&png, &info); }
};

void on_write(png_structp png, png_bytep data, std::size_t count) {
  static_cast<Writer*>(png_get_io_ptr(png))->bytes.append(reinterpret_cast<const char*>(data), count);
}
void on_flush(png_structp) {}

bool write_pixels(Writer& writer, const Image& image) {
  if (setjmp(png_jmpbuf(writer.png))) return false;
  png_set_write_fn(writer.png, &writer, on_write, on_flush);
  png_set_IHDR(writer.png, writer.info, image.width, image.height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(writer.png, 6);
  png_write_info(writer.png, writer.info);
  const std::size_t stride = static_cast<std::size_t>(image.width) * 3;
  for (int y = 0; y < image.height; ++y) png_write_row(writer.png, image.rgb.data() + stride * y);
  png_write_end(writer.png, nullptr);
  return true;
}

}  // namespace

std::string encode_png(const Image& image) {
  SCALSELECT_CHECK(image.width > 0 && image.height > 0 &&
                   image.rgb.size() == static_cast<std::size_t>(image.width) * image.height * 3);
  Writer writer;
  writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  writer.info = png_create_info_struct(writer.png);
  [[maybe_unused]] const bool written = write_pixels(writer, image);
  SCALSELECT_CHECK(written);
  return std::move(writer.bytes);
}

void write_png(const std::filesystem::path& file, const Image& image) {
  write_file_atomically(file, encode_png(image));
}

}  // namespace scalselect
