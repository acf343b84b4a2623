#include "core/artifact_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

constexpr char kMeta[] = "meta.json";
constexpr char kPartial[] = ".partial";

nlohmann::json sizes_of(const fs::path& folder) {
  auto sizes = nlohmann::json::object();
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename() != kMeta) {
      sizes[fs::relative(entry.path(), folder).string()] = entry.file_size();
    }
  }
  return sizes;
}

/// What a killed writer did not get to rename (core/files.h) must not become part of the artifact.
void remove_half_written(const fs::path& folder) {
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename().string().find(".tmp") != std::string::npos)
      leftovers.push_back(entry.path());
  }
  for (const auto& file : leftovers) fs::remove(file);
}

}  // namespace

nlohmann::json StageKey::payload() const {
  return {{"stage", stage}, {"version", version}, {"inputs", inputs}, {"params", params}};
}

std::string StageKey::digest() const { return sha256_json(payload()); }

ArtifactCache::ArtifactCache(fs::path root) : root_(std::move(root)) {}

fs::path ArtifactCache::folder(const StageKey& key) const {
  const std::string digest = key.digest();
  return root_ / key.stage / digest.substr(0, 2) / digest;
}

std::optional<fs::path> ArtifactCache::find(const StageKey& key) const {
  const fs::path place = folder(key);
  if (!fs::exists(place / kMeta)) return std::nullopt;
  const auto meta = nlohmann::json::parse(read_file(place / kMeta), nullptr, false);
  if (meta.is_discarded() || meta.value("payload", nlohmann::json()) != key.payload()) {
    throw UserError(ErrorKind::kInput,
                    "The cache entry '" + place.string() + "' is damaged: its meta.json does not fit.",
                    "Delete that folder and run again.");
  }
  for (const auto& [name, bytes] : meta["files"].items()) {
    std::error_code code;
    if (fs::file_size(place / name, code) != bytes || code) {
      throw UserError(
          ErrorKind::kInput,
          "The cache entry '" + place.string() + "' is damaged: '" + name + "' is missing or has another size.",
          "Delete that folder and run again.");
    }
  }
  return place;
}

ArtifactCache::Work ArtifactCache::begin(const StageKey& key) const { return Work(*this, key); }

ArtifactCache::Work::Work(const ArtifactCache& cache, const StageKey& key)
    : partial_(cache.folder(key).string() + kPartial), final_(cache.folder(key)), payload_(key.payload()) {
  ensure_folder(final_.parent_path());
  const std::string lock_file = final_.string() + ".lock";
  lock_ = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0 || ::flock(lock_, LOCK_EX) != 0) {
    throw UserError(ErrorKind::kEnvironment, "Cannot lock '" + lock_file + "': " + std::strerror(errno) + ".",
                    "Check the permissions of the cache folder.");
  }
  ensure_folder(partial_);
  remove_half_written(partial_);
}

ArtifactCache::Work::Work(Work&& other) noexcept
    : partial_(std::move(other.partial_)),
      final_(std::move(other.final_)),
      payload_(std::move(other.payload_)),
      lock_(std::exchange(other.lock_, -1)) {}

ArtifactCache::Work::~Work() {
  if (lock_ < 0) return;
  std::error_code ignored;
  // The lock file goes only with the finished folder: until then a waiting process may hold the same file.
  if (fs::is_directory(partial_, ignored) && fs::is_empty(partial_, ignored)) fs::remove(partial_, ignored);
  ::close(lock_);
}

fs::path ArtifactCache::Work::commit(const nlohmann::json& facts) {
  const nlohmann::json meta = {{"payload", payload_}, {"facts", facts}, {"files", sizes_of(partial_)}};
  write_file_atomically(partial_ / kMeta, meta.dump(1) + "\n");
  std::error_code code;
  fs::remove_all(final_, code);
  fs::rename(partial_, final_, code);
  if (code) {
    throw UserError(ErrorKind::kEnvironment,
                    "Cannot move '" + partial_.string() + "' into place: " + code.message() + ".",
                    "Check the permissions of the cache folder.");
  }
  return final_;
}

bool ArtifactCache::remove(const Entry& entry) const {
  const auto place = root_ / entry.stage / entry.digest.substr(0, 2) / entry.digest;
  const std::string lock_file = place.string() + ".lock";
  const int lock = ::open(lock_file.c_str(), O_RDWR | O_CLOEXEC);
  const bool busy = lock >= 0 && ::flock(lock, LOCK_EX | LOCK_NB) != 0;
  if (!busy) {
    fs::remove_all(place);
    fs::remove_all(place.string() + kPartial);
    fs::remove(lock_file);
  }
  if (lock >= 0) ::close(lock);
  return !busy;
}

std::vector<ArtifactCache::Entry> ArtifactCache::list() const {
  std::vector<Entry> entries;
  if (!fs::is_directory(root_)) return entries;
  for (const auto& stage : fs::directory_iterator(root_)) {
    if (!stage.is_directory()) continue;
    for (const auto& prefix : fs::directory_iterator(stage)) {
      if (!prefix.is_directory()) continue;
      for (const auto& item : fs::directory_iterator(prefix)) {
        if (!item.is_directory()) continue;
        Entry entry{stage.path().filename().string(), item.path().filename().string(), 0,
                    fs::exists(item.path() / kMeta)};
        for (const auto& file : fs::recursive_directory_iterator(item)) {
          if (file.is_regular_file()) entry.bytes += file.file_size();
        }
        entry.digest = entry.digest.substr(0, 64);
        entries.push_back(entry);
      }
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.stage, a.digest) < std::tie(b.stage, b.digest); });
  return entries;
}

std::string first_difference(const nlohmann::json& before, const nlohmann::json& after) {
  for (const auto& change : nlohmann::json::diff(before, after)) {
    const auto pointer = nlohmann::json::json_pointer(change["path"].get<std::string>());
    const auto show = [&](const nlohmann::json& tree) {
      return tree.contains(pointer) ? tree[pointer].dump() : std::string("(none)");
    };
    std::string name = pointer.to_string().substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    return name + ": " + show(before) + " -> " + show(after);
  }
  return {};
}

}  // namespace scalselect
