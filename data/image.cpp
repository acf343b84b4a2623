#include "data/image.h"

#include <fmt/format.h>

#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "data/image_codecs.h"

namespace scalselect {
namespace codecs {

void cut_short(const Source& source) {
  throw UserError(ErrorKind::kInput, fmt::format("Image '{}' is cut short.", source.name), "Fetch or copy it again.");
}

void damaged(const Source& source, const char* format, const std::string& why) {
  throw UserError(ErrorKind::kInput, fmt::format("Image '{}' is a damaged {} file: {}.", source.name, format, why),
                  "Fetch or copy it again.");
}

Image allocate(const Source& source, std::int64_t width, std::int64_t height) {
  if (width < 1 || height < 1) {
    throw UserError(ErrorKind::kInput, fmt::format("Image '{}' declares {} x {} pixels.", source.name, width, height));
  }
  if (width > source.max_pixels / height) {
    throw UserError(ErrorKind::kInput, fmt::format("Image '{}' declares {} x {} pixels, more than the limit of {}.",
                                                   source.name, width, height, source.max_pixels));
  }
  Image image;
  image.width = static_cast<int>(width);
  image.height = static_cast<int>(height);
  image.rgb.resize(static_cast<std::size_t>(3 * width * height));
  return image;
}

}  // namespace codecs

namespace {

bool starts_with(std::span<const std::uint8_t> bytes, const char* magic, std::size_t count, std::size_t at = 0) {
  return bytes.size() >= at + count && std::memcmp(bytes.data() + at, magic, count) == 0;
}

/// EXIF orientation o: where pixel (x, y) of the upright image comes from.
Image upright(const Image& image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const bool transposed = orientation >= 5;
  Image out;
  out.width = transposed ? image.height : image.width;
  out.height = transposed ? image.width : image.height;
  out.rgb.resize(image.rgb.size());
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      int from_x = transposed ? y : x;
      int from_y = transposed ? x : y;
      if (flip_x) from_x = image.width - 1 - from_x;
      if (flip_y) from_y = image.height - 1 - from_y;
      std::memcpy(&out.rgb[3 * (static_cast<std::size_t>(y) * out.width + x)],
                  &image.rgb[3 * (static_cast<std::size_t>(from_y) * image.width + from_x)], 3);
    }
  }
  return out;
}

}  // namespace

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name, const DecodeOptions& options) {
  const codecs::Source source{bytes, name, options.max_pixels};
  if (bytes.empty()) throw UserError(ErrorKind::kInput, fmt::format("Image '{}' is empty.", name));
  if (starts_with(bytes, "\x89PNG\r\n\x1a\n", 8)) return codecs::decode_png(source);
  if (starts_with(bytes, "\xff\xd8\xff", 3)) {
    int orientation = 1;
    auto image = codecs::decode_jpeg(source, orientation);
    return options.apply_exif_orientation ? upright(image, orientation) : image;
  }
  if (starts_with(bytes, "RIFF", 4) && starts_with(bytes, "WEBP", 4, 8)) return codecs::decode_webp(source);
  if (starts_with(bytes, "GIF87a", 6) || starts_with(bytes, "GIF89a", 6)) return codecs::decode_gif(source);
  if (starts_with(bytes, "BM", 2)) return codecs::decode_bmp(source);
  throw UserError(ErrorKind::kInput,
                  fmt::format("'{}' is not an image in a known format (PNG, JPEG, WebP, GIF, BMP).", name),
                  "Its contents count, not its name: convert it or fetch it again.");
}

Image decode_image(const std::filesystem::path& file, const DecodeOptions& options) {
  if (!std::filesystem::exists(file)) {
    throw UserError(ErrorKind::kInput, fmt::format("There is no image '{}'.", file.string()), "Check the image root.");
  }
  const std::string bytes = read_file(file);
  return decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, file.string(), options);
}

}  // namespace scalselect
