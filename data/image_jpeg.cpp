#include <fmt/format.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "data/image_codecs.h"
// libjpeg's header needs <cstdio> before it.
#include <jerror.h>
#include <jpeglib.h>

namespace scalselect::codecs {
namespace {

struct Reader {
  jpeg_error_mgr errors{};  // first: libjpeg hands back its address
  std::jmp_buf jump{};
  jpeg_decompress_struct jpeg{};
  jpeg_progress_mgr progress{};
  bool at_end = false;
  bool created = false;
  std::string error;
  Image image;
  std::vector<std::uint8_t> cmyk;  // one row

  Reader() = default;
  ~Reader() {
    if (created) jpeg_destroy_decompress(&jpeg);
  }
};

void on_error(j_common_ptr common) {
  auto* reader = reinterpret_cast<Reader*>(common->err);
  char text[JMSG_LENGTH_MAX];
  common->err->format_message(common, text);
  reader->error = text;
  std::longjmp(reader->jump, 1);
}

/// Where the data end libjpeg fills in grey and only warns; Pillow refuses the file, as done here.
void on_message(j_common_ptr common, int level) {
  if (level >= 0) return;
  ++common->err->num_warnings;
  if (common->err->msg_code != JWRN_JPEG_EOF) return;
  reinterpret_cast<Reader*>(common->err)->at_end = true;
  on_error(common);
}

bool read_header(Reader& reader, const Source& source) {
  if (setjmp(reader.jump)) return false;
  jpeg_create_decompress(&reader.jpeg);
  reader.created = true;
  jpeg_mem_src(&reader.jpeg, source.bytes.data(), source.bytes.size());
  jpeg_read_header(&reader.jpeg, TRUE);
  return true;
}

/// Bytes that libjpeg needs for coefficients if no scan holds complete pixels.
std::int64_t coefficient_bytes(jpeg_decompress_struct& jpeg) {
  if (!jpeg_has_multiple_scans(&jpeg)) return 0;
  std::int64_t blocks = 0;
  for (int c = 0; c < jpeg.num_components; ++c) {
    blocks += std::int64_t{jpeg.comp_info[c].width_in_blocks} * jpeg.comp_info[c].height_in_blocks;
  }
  return blocks * std::int64_t{sizeof(JBLOCK)};
}

/// Even an empty scan costs time, so a small file with many of them is a decompression bomb.
constexpr std::int64_t kMostScanned = std::int64_t{1} << 32;  // pixels, over all scans

void on_progress(j_common_ptr common) {
  const auto& jpeg = *reinterpret_cast<j_decompress_ptr>(common);
  const auto pixels = std::int64_t{jpeg.image_width} * jpeg.image_height;
  if (jpeg.input_scan_number <= std::max<std::int64_t>(kMostScanned / pixels, 1)) return;
  auto* reader = reinterpret_cast<Reader*>(common->err);
  reader->error = fmt::format("{} scans of {} pixels are too many", jpeg.input_scan_number, pixels);
  std::longjmp(reader->jump, 1);
}

/// Pillow takes every four-channel JPEG for inverted CMYK, as Adobe writes it; RGB = (255 - K) minus C's share of it.
void row_to_rgb(const std::vector<std::uint8_t>& cmyk, std::uint8_t* rgb) {
  for (std::size_t i = 0; i < cmyk.size(); i += 4) {
    const int white = cmyk[i + 3];  // 255 - K after the inversion
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - cmyk[i + c]) * white + 128;
      *rgb++ = static_cast<std::uint8_t>(white - ((product + (product >> 8)) >> 8));
    }
  }
}

bool read_pixels(Reader& reader) {
  if (setjmp(reader.jump)) return false;
  const bool four = reader.jpeg.num_components == 4;
  reader.jpeg.out_color_space = four ? JCS_CMYK : JCS_RGB;
  reader.progress.progress_monitor = on_progress;
  reader.jpeg.progress = &reader.progress;
  jpeg_start_decompress(&reader.jpeg);
  if (four) reader.cmyk.resize(static_cast<std::size_t>(reader.image.width) * 4);
  while (reader.jpeg.output_scanline < reader.jpeg.output_height) {
    auto* rgb = &reader.image.rgb[static_cast<std::size_t>(reader.jpeg.output_scanline) * reader.image.width * 3];
    JSAMPROW row = four ? reader.cmyk.data() : rgb;
    jpeg_read_scanlines(&reader.jpeg, &row, 1);
    if (four) row_to_rgb(reader.cmyk, rgb);
  }
  return true;
}

}  // namespace

Image decode_jpeg(const Source& source) {
  Reader reader;
  reader.jpeg.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  const auto fail = [&] {
    if (reader.at_end) cut_short(source);
    if (reader.errors.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    damaged(source, "JPEG", reader.error);
  };
  if (!read_header(reader, source)) fail();
  reader.image = allocate(source, reader.jpeg.image_width, reader.jpeg.image_height, coefficient_bytes(reader.jpeg));
  if (!read_pixels(reader)) fail();
  return std::move(reader.image);
}

}  // namespace scalselect::codecs
