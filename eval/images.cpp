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

// The string literal that starts at `at` (a quote); moves `at` behind it. False if it does not close.
bool read_literal(const std::string& text, std::size_t& at, std::string& value) {
  const char quote = text[at++];
  for (; at < text.size(); ++at) {
    if (text[at] == quote) {
      ++at;
      return true;
    }
    if (text[at] == '\\' && at + 1 < text.size()) {
      const char escaped = text[++at];
      value += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
      if (escaped != 'n' && escaped != 't' && escaped != '\\' && escaped != '\'' && escaped != '"') {
        value.insert(value.size() - 1, 1, '\\');
      }
    } else {
      value += text[at];
    }
  }
  return false;
}

void skip_blanks(const std::string& text, std::size_t& at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t')) ++at;
}

}  // namespace

std::string ImageCache::store(std::string_view bytes) const {
  const std::filesystem::path file = folder_ / (sha256(bytes) + extension(bytes));
  std::error_code none;
  if (std::filesystem::file_size(file, none) == bytes.size() && !none) return file.string();
  write_file_atomically(file, bytes, Durability::kNone);  // the size tells a lost file
  return file.string();
}

std::vector<std::string> list_or_text(const std::string& cell) {
  std::vector<std::string> items;
  std::size_t at = 0;
  skip_blanks(cell, at);
  if (at >= cell.size() || cell[at] != '[') return {cell};
  for (++at;;) {
    skip_blanks(cell, at);
    if (at < cell.size() && cell[at] == ']') break;
    if (at >= cell.size() || (cell[at] != '\'' && cell[at] != '"')) return {cell};
    std::string value;
    if (!read_literal(cell, at, value)) return {cell};
    items.push_back(std::move(value));
    skip_blanks(cell, at);
    if (at < cell.size() && cell[at] == ',') ++at;
  }
  ++at;
  skip_blanks(cell, at);
  return at == cell.size() ? items : std::vector<std::string>{cell};
}

}  // namespace scalselect::eval
