// Image files: header, palette, pixels of every format. The limit on pixels is low so that bombs cost no time.
#include "data/image.h"

#include "tests/fuzz/input.h"

using namespace scalselect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  DecodeOptions options;
  options.max_pixels = 1 << 18;
  fuzz::expect_value_or_refusal([&] {
    const auto image = decode_image(std::span(data, size), "input", options);
    const auto pixels = std::int64_t{image.width} * image.height;
    fuzz::require(pixels > 0 && pixels <= options.max_pixels && std::ssize(image.rgb) == 3 * pixels);
  });
  return 0;
}
