#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "data/image_codecs.h"

namespace scalselect::codecs {
namespace {

struct Input {
  std::span<const std::uint8_t> bytes;
  std::size_t at = 0;
  bool ended = false;
};

int on_read(GifFileType* gif, GifByteType* out, int count) {
  auto& input = *static_cast<Input*>(gif->UserData);
  const auto take = std::min(static_cast<std::size_t>(count), input.bytes.size() - input.at);
  if (take == 0 && count == 1 && !input.ended) {  // the empty block behind the pixels, which Pillow does not miss
    input.ended = true;
    *out = 0;
    return 1;
  }
  std::memcpy(out, input.bytes.data() + input.at, take);
  input.at += take;
  return static_cast<int>(take);
}

struct Close {
  void operator()(GifFileType* gif) const {
    int code = 0;
    DGifCloseFile(gif, &code);
  }
};
using Gif = std::unique_ptr<GifFileType, Close>;

[[noreturn]] void fail(const Source& source, const Input& input, int code) {
  if (code == D_GIF_ERR_NOT_ENOUGH_MEM) throw std::bad_alloc();
  if (input.at >= source.bytes.size()) cut_short(source);
  const char* why = GifErrorString(code);
  damaged(source, "GIF", why ? why : "unknown error");
}

/// Skips to the first image's descriptor; returns the transparent colour, or -1.
int find_first_image(const Source& source, const Input& input, GifFileType* gif) {
  int transparent = -1;
  for (;;) {
    GifRecordType record;
    if (DGifGetRecordType(gif, &record) == GIF_ERROR) fail(source, input, gif->Error);
    if (record == IMAGE_DESC_RECORD_TYPE) {
      if (DGifGetImageDesc(gif) == GIF_ERROR) fail(source, input, gif->Error);
      return transparent;
    }
    if (record == TERMINATE_RECORD_TYPE) damaged(source, "GIF", "it holds no picture");
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) fail(source, input, gif->Error);
    if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4 && (block[1] & 1)) transparent = block[4];
    while (block) {
      if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) fail(source, input, gif->Error);
    }
  }
}

void put(Image& image, std::int64_t pixel, const ColorMapObject* colors, int index) {
  std::uint8_t rgb[3] = {0, 0, 0};
  if (!colors) {
    std::fill_n(rgb, 3, static_cast<std::uint8_t>(index));
  } else if (index < colors->ColorCount) {
    const auto& color = colors->Colors[index];
    rgb[0] = color.Red, rgb[1] = color.Green, rgb[2] = color.Blue;
  }
  std::copy_n(rgb, 3, &image.rgb[3 * static_cast<std::size_t>(pixel)]);
}

}  // namespace

// As Pillow: the canvas is the screen, enlarged if the first frame sticks out, filled with the transparent colour if
// there is one and with colour 0 otherwise.
Image decode_gif(const Source& source) {
  Input input{source.bytes};
  int code = 0;
  const Gif gif(DGifOpen(&input, on_read, &code));
  if (!gif) fail(source, input, code);
  const int transparent = find_first_image(source, input, gif.get());
  const auto& frame = gif->Image;
  Image image = allocate(source, std::max(gif->SWidth, frame.Left + frame.Width),
                         std::max(gif->SHeight, frame.Top + frame.Height));
  const auto* colors = frame.ColorMap ? frame.ColorMap : gif->SColorMap;
  for (std::int64_t i = 0; i < std::int64_t{image.width} * image.height; ++i) {
    put(image, i, colors, std::max(transparent, 0));
  }
  std::vector<GifPixelType> line(static_cast<std::size_t>(std::max(frame.Width, 1)));
  const auto read_line = [&](int y) {
    if (DGifGetLine(gif.get(), line.data(), frame.Width) == GIF_ERROR) fail(source, input, gif->Error);
    const std::int64_t begin = std::int64_t{frame.Top + y} * image.width + frame.Left;
    for (int x = 0; x < frame.Width; ++x) put(image, begin + x, colors, line[static_cast<std::size_t>(x)]);
  };
  constexpr int kFirst[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
  for (int pass = 0; pass < (frame.Interlace ? 4 : 1); ++pass) {
    const int step = frame.Interlace ? kStep[pass] : 1;
    for (int y = frame.Interlace ? kFirst[pass] : 0; y < frame.Height; y += step) read_line(y);
  }
  return image;
}

}  // namespace scalselect::codecs
