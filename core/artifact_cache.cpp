#include "core/artifact_cache.h"

#include <sys/stat.h>

#include <algorithm>

#include "core/error.h"
#include "core/file_lock.h"
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

/// The lock on the key whose folder is `place`.
Descriptor lock_key(const fs::path& place, LockKind kind, IfHeld held) {
  return lock_file(place.string() + ".lock", kind, held);
}

/// `partial` goes unless something was written into it.
void remove_if_empty(const fs::path& partial) {
  std::error_code ignored;
  if (fs::is_directory(partial, ignored) && fs::is_empty(partial, ignored)) fs::remove(partial, ignored);
}

bool is_hex(const std::string& text) { return text.find_first_not_of("0123456789abcdef") == std::string::npos; }

bool is_plain_folder(const fs::path& folder) { return fs::is_directory(fs::symlink_status(folder)); }

std::uintmax_t bytes_in(const fs::path& folder) {
  std::uintmax_t bytes = 0;
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    if (file.is_regular_file() && !file.is_symlink()) bytes += file.file_size();
  }
  return bytes;
}

std::int64_t changed_s(const fs::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mtim.tv_sec : 0;
}

/// What `folder` is, if it is where the cache would have put it.
std::optional<ArtifactCache::Entry> entry_at(const fs::path& folder, const std::string& stage,
                                             const std::string& prefix) {
  const std::string name = folder.filename().string(), digest = name.substr(0, 64);
  if (!is_plain_folder(folder) || digest.size() != 64 || !is_hex(digest) || !digest.starts_with(prefix)) return {};
  ArtifactCache::Entry entry{stage, digest, name.size() == 64, 0, 0, {}};
  if (entry.complete) {
    if (!fs::is_regular_file(folder / kMeta)) return {};
    const auto meta = nlohmann::json::parse(read_file(folder / kMeta), nullptr, false);
    if (!meta.is_object() || !meta.contains("payload") || sha256_json(meta["payload"]) != digest) return {};
    entry.params = meta["payload"].value("params", nlohmann::json::object());
  } else if (name.substr(64) != kPartial) {
    return {};
  }
  entry.made_s = changed_s(entry.complete ? folder / kMeta : folder);
  entry.bytes = bytes_in(folder);
  return entry;
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
                    "The cache entry '" + place.string() + "' is damaged: its meta.json belongs to another key.",
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

bool ArtifactCache::is_held(const StageKey& key) const {
  const auto place = folder(key);
  if (!fs::exists(place.string() + ".lock")) return false;
  return !lock_key(place, LockKind::kExclusive, IfHeld::kGiveUp);
}

ArtifactCache::Writer ArtifactCache::begin(const StageKey& key) const { return Writer(*this, key); }

ArtifactCache::Writer::Writer(const ArtifactCache& cache, const StageKey& key)
    : partial_(cache.folder(key).string() + kPartial), final_(cache.folder(key)), payload_(key.payload()) {
  ensure_folder(final_.parent_path());
  lock_ = lock_key(final_, LockKind::kExclusive, IfHeld::kWait);
  ensure_folder(partial_);
  remove_half_written(partial_);
}

ArtifactCache::Writer::~Writer() {
  if (lock_) remove_if_empty(partial_);
}

ArtifactCache::Share ArtifactCache::share(const StageKey& key) const { return Share(*this, key); }

ArtifactCache::Share::Share(const ArtifactCache& cache, const StageKey& key)
    : partial_(cache.folder(key).string() + kPartial) {
  const auto place = cache.folder(key);
  ensure_folder(place.parent_path());
  lock_ = lock_key(place, LockKind::kShared, IfHeld::kWait);
  ensure_folder(partial_);
}

ArtifactCache::Share::~Share() {
  if (lock_) remove_if_empty(partial_);
}

fs::path ArtifactCache::Writer::commit(const nlohmann::json& facts) {
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
  const fs::path partial = place.string() + kPartial;
  const auto lock = lock_key(place, LockKind::kExclusive, IfHeld::kGiveUp);
  if (!lock) return false;
  fs::remove_all(entry.complete ? place : partial);
  // While the lock is held; another process that waits for it notices (lock_key).
  if (!fs::exists(place) && !fs::exists(partial)) fs::remove(place.string() + ".lock");
  return true;
}

std::vector<ArtifactCache::Entry> ArtifactCache::list() const {
  std::vector<Entry> entries;
  if (!fs::is_directory(root_)) return entries;
  for (const auto& stage : fs::directory_iterator(root_)) {
    if (!is_plain_folder(stage)) continue;
    for (const auto& prefix : fs::directory_iterator(stage)) {
      const std::string name = prefix.path().filename().string();
      if (!is_plain_folder(prefix) || name.size() != 2 || !is_hex(name)) continue;
      for (const auto& item : fs::directory_iterator(prefix)) {
        if (auto entry = entry_at(item.path(), stage.path().filename().string(), name))
          entries.push_back(std::move(*entry));
      }
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.stage, a.digest, a.complete) < std::tie(b.stage, b.digest, b.complete);
  });
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
