#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "data/image_codecs.h"

namespace scalselect::codecs {

// As Pillow: the animation decoder even for still pictures, first frame, alpha dropped.
Image decode_webp(const Source& source) {
  WebPBitstreamFeatures features;
  const auto status = WebPGetFeatures(source.bytes.data(), source.bytes.size(), &features);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA) cut_short(source);
  if (status != VP8_STATUS_OK) damaged(source, "WebP", "its header cannot be read");
  Image image = allocate(source, features.width, features.height);

  WebPAnimDecoderOptions options;
  WebPAnimDecoderOptionsInit(&options);
  options.color_mode = MODE_RGBA;
  const WebPData data{source.bytes.data(), source.bytes.size()};
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(WebPAnimDecoderNew(&data, &options),
                                                                                   WebPAnimDecoderDelete);
  if (!decoder) {
    const std::uint8_t* b = source.bytes.data();
    const std::uint64_t announced = (b[4] | b[5] << 8 | b[6] << 16 | std::uint64_t{b[7]} << 24) + 8;
    if (announced > source.bytes.size()) cut_short(source);
    damaged(source, "WebP", "its chunks do not fit together");
  }
  std::uint8_t* rgba = nullptr;
  int time = 0;
  if (!WebPAnimDecoderGetNext(decoder.get(), &rgba, &time)) damaged(source, "WebP", "its picture cannot be decoded");
  for (std::size_t i = 0; i < image.rgb.size() / 3; ++i) {
    for (std::size_t c = 0; c < 3; ++c) image.rgb[3 * i + c] = rgba[4 * i + c];
  }
  return image;
}

}  // namespace scalselect::codecs
