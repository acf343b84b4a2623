// Pictures: decoding what pools contain into 8-bit RGB exactly as Pillow's `Image.open(f).convert("RGB")` does, and
// writing PNG.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/picture_budget.h"

namespace scalselect {

/// Row-major RGB, 8 bits a channel: pixel (x, y) starts at rgb[3 * (y * width + x)].
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;

  bool operator==(const Image&) const = default;
};

struct DecodeOptions {
  /// A file that declares more pixels is refused before memory is taken for it. Default: Pillow's limit
  /// (DecompressionBombError), 2 * (1 GiB / 4 / 3).
  std::int64_t max_pixels = 178'956'970;
  /// The same for memory while decoding: pixels and what the format needs besides them.
  std::int64_t max_bytes = kPictureBytes;
};

/// Decodes PNG, JPEG, WebP, GIF (first frame) or BMP, recognised by their first bytes, never by the file's name.
/// Alpha is dropped, not blended; palettes are expanded, greys replicated, CMYK converted by Pillow's formula; 16-bit
/// RGB keeps its high byte, 16-bit grey is clipped at 255 (as Pillow does). EXIF orientation is ignored, as by the
/// authors' loader and HF's processors.
/// Throws UserError(kInput), naming the file: missing, empty, not an image, truncated, corrupt, too large; and
/// UserError(kEnvironment) where the file may be intact: no permission, too many open files, a failing disk, no
/// memory.
Image decode_image(const std::filesystem::path& file, const DecodeOptions& options = {});

/// The same from memory; `name` is the file's name in messages.
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name, const DecodeOptions& options = {});

/// As decode_image, and passes the picture to `use`. All pictures in use at a time, over all threads, share
/// kPictureBytes: while very large ones are in memory, others wait. `use` must not call this function.
void with_image(const std::filesystem::path& file, const std::function<void(const Image&)>& use);

/// PNG bytes (8-bit RGB, zlib level 6, no time stamps: equal pixels give equal bytes with the same zlib).
std::string encode_png(const Image& image);

/// Writes a PNG atomically. Throws UserError(kEnvironment) if that is impossible.
void write_png(const std::filesystem::path& file, const Image& image);

}  // namespace scalselect
