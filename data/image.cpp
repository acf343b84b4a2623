#include "data/image.h"

#include <fmt/format.h>

#include <cstring>
#include <iterator>
#include <new>

#include "core/error.h"
#include "core/lfs_pointer.h"
#include "data/image_codecs.h"
#include "data/picture_ref.h"

namespace scalselect {
namespace codecs {

void cut_short(const Source& source) {
  throw UserError(ErrorKind::kInput, fmt::format("Image '{}' is cut short.", source.name), "Fetch or copy it again.");
}

void damaged(const Source& source, const char* format, const std::string& why) {
  throw UserError(ErrorKind::kInput, fmt::format("Image '{}' is a damaged {} file: {}.", source.name, format, why),
                  "Fetch or copy it again.");
}

void unsupported(const Source& source, const char* format, const std::string& what) {
  throw UserError(ErrorKind::kInput,
                  fmt::format("Image '{}' is a {} file with {}, which is not supported.", source.name, format, what),
                  "Convert it to PNG.");
}

Image allocate(const Source& source, std::int64_t width, std::int64_t height, std::int64_t beside) {
  if (width < 1 || height < 1) {
    throw UserError(ErrorKind::kInput, fmt::format("Image '{}' declares {} x {} pixels.", source.name, width, height));
  }
  const auto& limits = source.options;
  if (width > limits.max_pixels / height) {
    throw UserError(ErrorKind::kInput, fmt::format("Image '{}' declares {} x {} pixels, more than the limit of {}.",
                                                   source.name, width, height, limits.max_pixels));
  }
  const auto bytes = std::ssize(source.bytes) + 3 * width * height + beside;
  if (bytes > limits.max_bytes) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("Image '{}' of {} x {} pixels takes {} MB to decode, more than the limit of {} MB.",
                                source.name, width, height, bytes >> 20, limits.max_bytes >> 20),
                    "Make it smaller.");
  }
  if (source.claim) source.claim->acquire(bytes);
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

/// The name of an image format that is known and not read, or null.
const char* unsupported_kind(std::span<const std::uint8_t> bytes) {
  if (starts_with(bytes, "II*\0", 4) || starts_with(bytes, "MM\0*", 4)) return "TIFF";
  if (starts_with(bytes, "ftypavif", 8, 4) || starts_with(bytes, "ftypavis", 8, 4)) return "AVIF";
  if (starts_with(bytes, "ftypheic", 8, 4) || starts_with(bytes, "ftypmif1", 8, 4)) return "HEIF";
  if (starts_with(bytes, "jP  \r\n\x87\n", 8, 4) || starts_with(bytes, "\xFF\x4F\xFF\x51", 4)) return "JPEG 2000";
  if (starts_with(bytes, "\xFF\x0A", 2) || starts_with(bytes, "JXL \r\n\x87\n", 8, 4)) return "JPEG XL";
  if (starts_with(bytes, "8BPS", 4)) return "Photoshop";
  if (starts_with(bytes, "<svg", 4)) return "SVG";
  return nullptr;
}

Image decode(const codecs::Source& source) {
  const auto& [bytes, name, options, claim] = source;
  if (bytes.empty()) throw UserError(ErrorKind::kInput, fmt::format("Image '{}' is empty.", name));
  if (starts_with(bytes, "\x89PNG\r\n\x1a\n", 8)) return codecs::decode_png(source);
  if (starts_with(bytes, "\xff\xd8\xff", 3)) {
    return codecs::decode_jpeg(source);
  }
  if (starts_with(bytes, "RIFF", 4) && starts_with(bytes, "WEBP", 4, 8)) return codecs::decode_webp(source);
  if (starts_with(bytes, "GIF87a", 6) || starts_with(bytes, "GIF89a", 6)) return codecs::decode_gif(source);
  if (starts_with(bytes, "BM", 2)) return codecs::decode_bmp(source);
  if (is_lfs_pointer({reinterpret_cast<const char*>(bytes.data()), bytes.size()}))
    throw UserError(ErrorKind::kInput, fmt::format("'{}' is a Git LFS pointer, not the picture.", name), kFetchFromLfs);
  const auto* const kind = unsupported_kind(bytes);
  throw UserError(
      ErrorKind::kInput,
      kind != nullptr
          ? fmt::format("'{}' is {} {} image, which is not supported (PNG, JPEG, WebP, GIF, BMP are).", name,
                        std::strchr("AEIOU", kind[0]) != nullptr || kind == std::string("SVG") ? "an" : "a", kind)
          : fmt::format("'{}' is not an image in a known format (PNG, JPEG, WebP, GIF, BMP).", name),
      kind != nullptr ? "Convert it to one of these."
                      : "Formats are recognised by content, not by name: convert it or fetch it again.");
}

Image decode_file(const std::string& name, const DecodeOptions& options, ByteClaim* claim) {
  const std::string bytes = read_picture(name, options.max_bytes);
  return decode({{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, name, options, claim});
}

/// Runs `body`; too little memory is an error of the environment.
template <class Body>
auto with_memory(const std::string& name, const Body& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    throw UserError(ErrorKind::kEnvironment, fmt::format("There is not enough memory to decode the image '{}'.", name),
                    "Free memory, or use fewer threads.");
  }
}

}  // namespace

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name, const DecodeOptions& options) {
  return with_memory(name, [&] { return decode({bytes, name, options, nullptr}); });
}

Image decode_image(const std::filesystem::path& file, const DecodeOptions& options) {
  return with_memory(file.string(), [&] { return decode_file(file.string(), options, nullptr); });
}

void with_image(const std::filesystem::path& file, const std::function<void(const Image&)>& use) {
  static ByteBudget budget(kPictureBytes);
  ByteClaim claim(budget);
  const auto image = with_memory(file.string(), [&] { return decode_file(file.string(), {}, &claim); });
  claim.shrink(std::ssize(image.rgb));
  use(image);
}

}  // namespace scalselect
