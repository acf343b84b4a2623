#include "eval/images.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "data/image.h"
#include "data/image_header.h"

namespace scalselect::eval {
namespace {

std::string extension(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG")) return ".png";
  if (bytes.starts_with("\xFF\xD8\xFF")) return ".jpg";
  if (bytes.starts_with("GIF8")) return ".gif";
  if (bytes.starts_with("BM")) return ".bmp";
  if (bytes.starts_with("RIFF") && bytes.size() > 12 && bytes.substr(8, 4) == "WEBP") return ".webp";
  throw std::invalid_argument("the decoded bytes are not a PNG, JPEG, GIF, WebP or BMP image");
}

constexpr std::streamoff kHead = 65536, kTail = 1024;

std::string read_part(std::ifstream& in, std::streamoff begin, std::streamoff count) {
  std::string bytes(static_cast<std::size_t>(count), '\0');
  in.seekg(begin);
  in.read(bytes.data(), count);
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return bytes;
}

// Whether the last bytes are those of a whole file. Programs put a little after them, so they need not be the very
// last.
bool ends_well(std::string_view format, std::string_view tail) {
  if (format == "JPEG") return tail.find("\xFF\xD9") != std::string_view::npos;
  if (format == "PNG") return tail.find("IEND") != std::string_view::npos;
  return false;
}

}  // namespace

std::string picture_problem(const std::string& file, bool decode) {
  std::error_code none;
  if (!std::filesystem::is_regular_file(file, none)) return fmt::format("its image {} is missing", file);
  std::ifstream in(file, std::ios::binary);
  in.seekg(0, std::ios::end);
  const std::streamoff size = in.tellg();
  if (in && size == 0) return fmt::format("its image {} is empty", file);
  if (in && !decode) {
    const auto header = read_image_header(read_part(in, 0, std::min(size, kHead)));
    in.clear();
    if (header && ends_well(header->format, read_part(in, std::max<std::streamoff>(0, size - kTail), kTail))) return {};
  }
  try {
    decode_image(file);
    return {};
  } catch (const UserError& error) {
    return "its image cannot be opened: " + error.problem();
  }
}

std::string ImageCache::store(std::string_view bytes) const {
  const std::filesystem::path file = folder_ / (sha256(bytes) + extension(bytes));
  std::error_code none;
  if (std::filesystem::file_size(file, none) == bytes.size() && !none) return file.string();
  write_file_atomically(file, bytes, Durability::kNone);  // a file of another size was cut short
  return file.string();
}

}  // namespace scalselect::eval
