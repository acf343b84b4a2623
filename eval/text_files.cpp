#include "eval/text_files.h"

#include <fmt/format.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>

#include "core/error.h"
#include "core/files.h"
#include "core/lfs_pointer.h"
#include "core/system_files.h"
#include "core/utf8.h"

namespace scalselect::eval {

void refuse_other_downloads(std::string_view text, const std::filesystem::path& file) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  std::string head(text.substr(0, 64));
  for (char& c : head) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (head.starts_with("<!doctype html") || head.starts_with("<html") || head.starts_with("<?xml")) {
    throw UserError(ErrorKind::kInput, fmt::format("{}: is a web page, not the benchmark's file", file.string()),
                    "The download was answered by a page (an error, a login); fetch the file itself.");
  }
  if (is_lfs_pointer(head)) {
    throw UserError(ErrorKind::kInput, fmt::format("{}: is a Git LFS pointer, not the benchmark's file", file.string()),
                    kFetchFromLfs);
  }
}

void require_utf8(std::string_view text, const std::filesystem::path& file, std::size_t first_line) {
  const auto size = static_cast<std::int64_t>(text.size());
  for (std::int64_t at = 0; at < size;) {
    const std::int64_t begin = at;
    UChar32 point = 0;
    U8_NEXT(text.data(), at, size, point);
    if (point >= 0) continue;
    const auto line = static_cast<std::int64_t>(first_line) + std::count(text.begin(), text.begin() + begin, '\n');
    throw UserError(ErrorKind::kInput,
                    fmt::format("{}: line {} holds bytes that are not UTF-8 text", file.string(), line),
                    "Write the file as UTF-8.");
  }
}

std::string read_text(const std::filesystem::path& file) {
  std::string text = read_file(file, kDataBytes);
  refuse_wide_text(text, file);
  refuse_other_downloads(text, file);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  require_utf8(text, file, 1);
  return text;
}

std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> entries;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!is_system_file(entry.path().filename().string())) entries.push_back(entry.path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace scalselect::eval
