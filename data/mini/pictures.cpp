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

}  // namespace scalselect::mini
