#include "eval/text_files.h"

#include <fmt/format.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>

#include "core/error.h"
#include "core/files.h"

namespace scalselect::eval {

std::string read_text(const std::filesystem::path& file) {
  std::string text = read_file(file, kDataBytes);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw UserError(ErrorKind::kInput, fmt::format("{}: is UTF-16 text, but UTF-8 is expected", file.string()),
                    "Write it as UTF-8: iconv -f UTF-16 -t UTF-8.");
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  const auto size = static_cast<std::int64_t>(text.size());
  for (std::int64_t at = 0; at < size;) {
    const std::int64_t begin = at;
    UChar32 point = 0;
    U8_NEXT(text.data(), at, size, point);
    if (point >= 0) continue;
    const auto line = 1 + std::count(text.begin(), text.begin() + begin, '\n');
    throw UserError(ErrorKind::kInput,
                    fmt::format("{}: line {} holds bytes that are not UTF-8 text", file.string(), line),
                    "Write the file as UTF-8.");
  }
  return text;
}

std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> entries;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    const bool companion = name.starts_with('.') || name == "__MACOSX" || name == "Thumbs.db" || name == "desktop.ini";
    if (!companion) entries.push_back(entry.path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace scalselect::eval
