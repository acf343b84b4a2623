#include "data/mini/pictures.h"

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "data/image.h"
#include "data/mini/render.h"

namespace scalselect::mini {

std::vector<std::string> encode_pictures(const std::vector<Picture>& pictures, std::int64_t seed) {
  std::vector<std::string> bytes(pictures.size());
  parallel_blocks(static_cast<std::int64_t>(pictures.size()), 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const Picture& picture = pictures[static_cast<std::size_t>(i)];
      Rng noise(static_cast<std::uint64_t>(seed), picture.noise_stream);
      bytes[static_cast<std::size_t>(i)] = encode_png(render(picture.scene, noise));
    }
  });
  return bytes;
}

void write_plain(const std::filesystem::path& file, std::string_view bytes) {
  ensure_folder(file.parent_path());
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) throw UserError(ErrorKind::kEnvironment, file.string() + " cannot be written", "Is the disk full?");
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

}  // namespace scalselect::mini
