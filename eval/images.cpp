#include "eval/images.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <stdexcept>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"

namespace scalselect::eval {
namespace {

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

std::string extension(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG")) return ".png";
  if (bytes.starts_with("\xFF\xD8\xFF")) return ".jpg";
  if (bytes.starts_with("GIF8")) return ".gif";
  if (bytes.starts_with("BM")) return ".bmp";
  if (bytes.starts_with("RIFF") && bytes.size() > 12 && bytes.substr(8, 4) == "WEBP") return ".webp";
  throw std::invalid_argument("the decoded bytes are not a PNG, JPEG, GIF, WebP or BMP image");
}

}  // namespace

std::string decode_base64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t buffer = 0;
  int bits = 0;
  bool padding = false;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ') continue;
    if (c == '=') {
      padding = true;
      continue;
    }
    const int value = base64_value(c);
    if (value < 0) throw std::invalid_argument("a character that base64 does not have");
    if (padding) throw std::invalid_argument("base64 goes on after its padding");
    buffer = buffer << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(buffer >> bits & 0xFF);
    }
  }
  if (bits == 6) throw std::invalid_argument("base64 is cut short");
  return bytes;
}

std::string ImageCache::store(std::string_view bytes) const {
  const std::filesystem::path file = folder_ / (sha256(bytes) + extension(bytes));
  std::error_code none;
  if (std::filesystem::file_size(file, none) == bytes.size() && !none) return file.string();
  // A cache need not outlive a power cut: renaming without fsync is enough, and the size tells a lost file.
  ensure_folder(folder_);
  const std::filesystem::path partial = fmt::format("{}.{}", file.string(), ::getpid());
  std::ofstream out(partial, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) {
    throw UserError(ErrorKind::kEnvironment, fmt::format("{}: cannot be written", partial.string()),
                    "Check free space and permissions of the image cache.");
  }
  std::filesystem::rename(partial, file);
  return file.string();
}

}  // namespace scalselect::eval
