#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <new>

#include "core/check.h"
#include "core/files.h"
#include "data/image_codecs.h"
#include "data/png_chunks.h"

namespace scalselect {
namespace codecs {
namespace {

// libpng reports errors by longjmp; everything with a destructor is in here, outside the frames that it jumps over.
struct Reader {
  PngStart start;
  std::span<const std::uint8_t> head, rest;  // what libpng has not read of the file's beginning, of its pixels
  png_structp png = nullptr;
  png_infop info = nullptr;
  bool at_end = false;
  std::string error;
  Image image;
  std::vector<std::uint8_t> wide;  // 16-bit grey before clipping
  bool last_row = false;           // libpng was asked to convert it
  bool complete = false;           // every pixel is there; what follows is ignored
  bool mismatch = false;           // of the pixels' checksum

  explicit Reader(const Source& source)
      : start(read_png_chunks(source)),
        head(reinterpret_cast<const std::uint8_t*>(start.head.data()), start.head.size()),
        rest(source.bytes.subspan(start.pixels)) {}
  Reader(const Reader&) = delete;
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
  if (std::memcmp(chunk + 4, "IDAT", 4) == 0 && png_get_uint_32(chunk) > reader.rest.size())
    png_save_uint_32(chunk, static_cast<png_uint_32>(reader.rest.size()));
}

void on_read(png_structp png, png_bytep out, std::size_t count) {
  constexpr std::size_t kChunkHeader = 8;
  auto& reader = *static_cast<Reader*>(png_get_io_ptr(png));
  auto& from = reader.head.empty() ? reader.rest : reader.head;  // libpng reads no further than a chunk's end
  if (count > from.size()) {
    reader.at_end = true;
    png_error(png, "end of file");
  }
  std::memcpy(out, from.data(), count);
  from = from.subspan(count);
  if (count == kChunkHeader) shorten_cut_pixels(reader, out);
}

bool read_header(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
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
  const std::int64_t width = png_get_image_width(reader.png, reader.info);
  const std::int64_t height = png_get_image_height(reader.png, reader.info);
  const bool deep = png_get_bit_depth(reader.png, reader.info) == 16;
  reader.image = allocate(source, width, height, deep ? 2 * width * height : 0);
  if (!read_pixels(reader)) fail();
  if (reader.mismatch) damaged(source, "PNG", "its pixels do not fit their checksum");
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
