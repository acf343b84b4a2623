#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>
#include <new>

#include "data/image_codecs.h"

namespace scalselect::codecs {

namespace {

/// Whether the file is as long as its header says.
bool whole(const Source& source) {
  const std::uint8_t* b = source.bytes.data();
  const std::uint64_t announced = (b[4] | b[5] << 8 | b[6] << 16 | std::uint64_t{b[7]} << 24) + 8;
  return announced <= source.bytes.size();
}

[[noreturn]] void fail(const Source& source, const char* why) {
  if (!whole(source)) cut_short(source);
  damaged(source, "WebP", why);
}

void read_still(const Source& source, Image& image) {
  WebPDecoderConfig config;
  WebPInitDecoderConfig(&config);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {image.rgb.data(), 3 * image.width, image.rgb.size()};
  const auto status = WebPDecode(source.bytes.data(), source.bytes.size(), &config);
  if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
  if (status != VP8_STATUS_OK) fail(source, "its picture cannot be decoded");
}

void read_first_frame(const Source& source, Image& image) {
  WebPAnimDecoderOptions options;
  WebPAnimDecoderOptionsInit(&options);
  options.color_mode = MODE_RGBA;
  const WebPData data{source.bytes.data(), source.bytes.size()};
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(WebPAnimDecoderNew(&data, &options),
                                                                                   WebPAnimDecoderDelete);
  if (!decoder) fail(source, "its chunks do not fit together");
  std::uint8_t* rgba = nullptr;
  int time = 0;
  if (!WebPAnimDecoderGetNext(decoder.get(), &rgba, &time)) fail(source, "its picture cannot be decoded");
  for (std::size_t i = 0; i < image.rgb.size() / 3; ++i) {
    for (std::size_t c = 0; c < 3; ++c) image.rgb[3 * i + c] = rgba[4 * i + c];
  }
}

}  // namespace

// As Pillow: of an animation the first frame on its canvas; alpha dropped.
Image decode_webp(const Source& source) {
  constexpr std::int64_t kStill = 4, kCanvases = 12;  // bytes per pixel: lossless pixels, and two RGBA canvases
  WebPBitstreamFeatures features;
  const auto status = WebPGetFeatures(source.bytes.data(), source.bytes.size(), &features);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA) cut_short(source);
  if (status != VP8_STATUS_OK) damaged(source, "WebP", "its header cannot be read");
  const auto pixels = std::int64_t{features.width} * features.height;
  Image image =
      allocate(source, features.width, features.height, pixels * (features.has_animation ? kCanvases : kStill));
  if (features.has_animation) {
    read_first_frame(source, image);
  } else {
    read_still(source, image);
  }
  return image;
}

}  // namespace scalselect::codecs
