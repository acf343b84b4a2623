#include "data/pool_paths.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/log.h"
#include "core/system_files.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostFiles = 1'000'000;

/// The place of the brace that closes the one at `open`; npos if there is none.
std::size_t closing(std::string_view text, std::size_t open) {
  int depth = 0;
  for (auto at = open; at < text.size(); ++at) {
    if (text[at] == '{') ++depth;
    if (text[at] == '}' && --depth == 0) return at;
  }
  return std::string_view::npos;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || code != std::errc{} || end != text.data() + text.size() || number < 0) return {};
  return number;
}

[[noreturn]] void refuse_many(const std::string& pattern) {
  throw UserError(ErrorKind::kInput, fmt::format("'{}' means more than {} files.", pattern, kMostFiles),
                  "Check its braces.");
}

/// "00..12" with its zeros; empty if it is no range.
std::vector<std::string> range(std::string_view inside, const std::string& pattern) {
  const auto dots = inside.find("..");
  if (dots == std::string_view::npos) return {};
  const auto first = inside.substr(0, dots), last = inside.substr(dots + 2);
  const auto from = whole_number(first), to = whole_number(last);
  if (!from || !to || *from > *to) return {};
  if (*to - *from >= static_cast<std::int64_t>(kMostFiles)) refuse_many(pattern);
  const bool padded = first.size() > 1 && first[0] == '0';
  std::vector<std::string> numbers;
  for (auto i = *from; i <= *to; ++i) numbers.push_back(fmt::format("{:0{}}", i, padded ? first.size() : 1));
  return numbers;
}

/// What stands between the commas of the braces' own level.
std::vector<std::string> alternatives(std::string_view inside, const std::string& pattern) {
  if (auto numbers = range(inside, pattern); !numbers.empty()) return numbers;
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : inside) {
    if (c == '{') ++depth;
    if (c == '}') --depth;
    if (c == ',' && depth == 0) parts.emplace_back();
    else parts.back() += c;
  }
  return parts;
}

/// Names that match; empty if none does.
std::vector<std::string> matches(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> names;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) names.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  return names;
}

/// The kind of a pool file by its name: 0 Parquet, 1 tar, 2 JSON; -1: not one.
int kind_of(const std::string& name) {
  if (is_system_file(name) || name.starts_with('_')) return -1;
  if (name.ends_with(".parquet")) return 0;
  if (name.ends_with(".tar")) return 1;
  for (const std::string_view packed : {"", ".gz", ".zst"}) {
    if (!name.ends_with(packed)) continue;
    const auto plain = std::string_view(name).substr(0, name.size() - packed.size());
    if (plain.ends_with(".json") || plain.ends_with(".jsonl") || plain.ends_with(".ndjson")) return 2;
  }
  return -1;
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::array<std::vector<fs::path>, 3> kinds;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const int kind = kind_of(entry.path().filename().string());
    if (kind >= 0 && entry.is_regular_file(code)) kinds[static_cast<std::size_t>(kind)].push_back(entry.path());
  }
  if (code) {
    throw UserError(ErrorKind::kInput, fmt::format("Cannot read '{}': {}.", folder.string(), code.message()),
                    "Check the path and its permissions.");
  }
  const auto chosen =
      std::find_if(kinds.begin(), kinds.end(), [](const std::vector<fs::path>& files) { return !files.empty(); });
  if (chosen == kinds.end()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("The folder '{}' holds no pool file (.parquet, .tar, .json, .jsonl, also .gz or .zst).",
                                folder.string()),
                    "Give a folder of such files, or a pattern.");
  }
  for (auto other = chosen + 1; other != kinds.end(); ++other) {
    if (!other->empty()) {
      log_info("'{}': {} files are read, {} others such as '{}' are left alone", folder.string(), chosen->size(),
               other->size(), other->front().filename().string());
    }
  }
  std::sort(chosen->begin(), chosen->end());
  return *chosen;
}

}  // namespace

std::vector<std::string> expand_braces(const std::string& pattern) {
  for (std::size_t open = pattern.find('{'); open != std::string::npos; open = pattern.find('{', open + 1)) {
    const auto close = closing(pattern, open);
    if (close == std::string::npos) break;
    const auto inside = std::string_view(pattern).substr(open + 1, close - open - 1);
    const auto parts = alternatives(inside, pattern);
    if (parts.size() == 1 && parts[0] == inside) continue;  // {x} is text, as in a shell
    const auto rest = expand_braces(pattern.substr(close + 1));
    std::vector<std::string> names;
    for (const auto& part : parts) {
      for (const auto& inner : expand_braces(part)) {
        for (const auto& tail : rest) names.push_back(pattern.substr(0, open) + inner + tail);
        if (names.size() > kMostFiles) refuse_many(pattern);
      }
    }
    return names;
  }
  return {pattern};
}

std::vector<fs::path> pool_files(const std::string& path) {
  std::error_code code;
  const auto status = fs::status(path, code);
  if (fs::is_directory(status)) return files_in(path);
  const bool pattern = path.find_first_of("*?[{") != std::string::npos;
  if (fs::exists(status) || !pattern) return {path};  // a file that is missing is named by who opens it
  std::vector<fs::path> files;
  for (const auto& name : expand_braces(path)) {
    if (name.find_first_of("*?[") == std::string::npos || fs::exists(name, code)) {
      files.emplace_back(name);
      continue;
    }
    for (const auto& found : matches(name)) {
      const bool ours = !is_system_file(fs::path(found).filename().string());
      if (ours && !fs::is_directory(found, code)) files.emplace_back(found);
    }
  }
  if (files.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("No file matches '{}'.", path), "Check the pattern.");
  }
  return files;
}

}  // namespace scalselect
