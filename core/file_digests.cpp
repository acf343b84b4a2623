#include "core/file_digests.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

struct FileState {
  std::string text;         ///< all that changes with the content
  std::time_t changed = 0;  ///< seconds since the epoch
  std::uintmax_t bytes = 0;
};

std::optional<FileState> state_of(const fs::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  return FileState{fmt::format("{} {}:{} {}.{} {}.{}", info.st_size, info.st_dev, info.st_ino, info.st_mtim.tv_sec,
                               info.st_mtim.tv_nsec, info.st_ctim.tv_sec, info.st_ctim.tv_nsec),
                   info.st_ctim.tv_sec, static_cast<std::uintmax_t>(info.st_size)};
}

/// Two writes within a tick of the file system's clock look like one.
constexpr std::time_t kClockTick = 2;

std::string remembered(const fs::path& note, const std::string& state) {
  if (!fs::exists(note)) return {};
  try {
    const auto tree = nlohmann::json::parse(read_file(note));
    return tree.at("state") == state ? tree.at("sha256").get<std::string>() : std::string();
  } catch (const std::exception&) {  // a damaged note is no note
    return {};
  }
}

}  // namespace

FileDigests::FileDigests(fs::path folder, std::uintmax_t least_bytes)
    : folder_(std::move(folder)), least_bytes_(least_bytes) {}

std::string FileDigests::sha256(const fs::path& file) const {
  const auto before = state_of(file);
  if (!before || before->bytes < least_bytes_) return sha256_file(file);
  const auto note = folder_ / (scalselect::sha256(fs::canonical(file).string()) + ".json");
  if (auto known = remembered(note, before->text); !known.empty()) return known;
  const bool settled = std::time(nullptr) > before->changed + kClockTick;
  auto digest = sha256_file(file);
  const auto after = state_of(file);
  if (!settled || !after || after->text != before->text) return digest;
  try {
    write_file_atomically(
        note,
        nlohmann::json{{"file", fs::canonical(file).string()}, {"state", before->text}, {"sha256", digest}}.dump(1) +
            "\n");
  } catch (const UserError&) {  // next time it is computed again
  }
  return digest;
}

}  // namespace scalselect
