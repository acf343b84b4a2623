#include "eval/images.h"

#include <stdexcept>

#include "core/files.h"
#include "core/hash.h"

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

}  // namespace

std::string ImageCache::store(std::string_view bytes) const {
  const std::filesystem::path file = folder_ / (sha256(bytes) + extension(bytes));
  std::error_code none;
  if (std::filesystem::file_size(file, none) == bytes.size() && !none) return file.string();
  write_file_atomically(file, bytes, Durability::kNone);  // a file of another size was cut short
  return file.string();
}

}  // namespace scalselect::eval
