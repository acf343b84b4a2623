#include "core/file_digests.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <ctime>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/file_lock.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/parallel.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

struct FileState {
  std::string text;         ///< all that changes with the content
  std::time_t changed = 0;  ///< seconds since the epoch
};

std::optional<FileState> state_of(const std::string& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  // Not the device: machines that share a file system number it differently.
  return FileState{fmt::format("{} {} {}.{} {}.{}", info.st_size, info.st_ino, info.st_mtim.tv_sec,
                               info.st_mtim.tv_nsec, info.st_ctim.tv_sec, info.st_ctim.tv_nsec),
                   info.st_ctim.tv_sec};
}

/// Two writes within one tick of the file system's clock cannot be told apart.
constexpr std::time_t kClockTick = 2;
constexpr std::size_t kHexDigits = 64;
constexpr std::int64_t kBlock = 16;            // files that a thread takes at a time
constexpr std::size_t kWorthAProgress = 2000;  // files to hash

/// What is known about the files of one folder, one line "SHA256<TAB>STATE<TAB>NAME" per file.
class Notes {
 public:
  explicit Notes(fs::path file) : file_(std::move(file)) {
    std::string text;
    try {
      text = read_file(file_);
    } catch (const UserError&) {  // nothing is known yet
    }
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      const auto line = std::string_view(text).substr(at, end - at);
      at = end + 1;
      const auto tab = line.find('\t', std::min(line.size(), kHexDigits + 1));
      if (line.size() <= kHexDigits || line[kHexDigits] != '\t' || tab == std::string_view::npos) continue;
      known_[std::string(line.substr(tab + 1))] = {std::string(line.substr(kHexDigits + 1, tab - kHexDigits - 1)),
                                                   std::string(line.substr(0, kHexDigits))};
    }
  }

  /// Empty if nothing is known about the file in this state.
  std::string find(const std::string& name, const std::string& state) const {
    const auto found = known_.find(name);
    return found != known_.end() && found->second.first == state ? found->second.second : std::string();
  }

  void insert(const std::string& name, std::string state, std::string digest) {
    if (name.find('\n') != std::string::npos) return;
    known_[name] = {std::move(state), std::move(digest)};
    changed_ = true;
  }

  void keep() const {
    if (!changed_) return;
    std::string text;
    for (const auto& [name, note] : known_) text += fmt::format("{}\t{}\t{}\n", note.second, note.first, name);
    try {
      write_file_atomically(file_, text);
    } catch (const UserError&) {  // next time they are computed again
    }
  }

 private:
  fs::path file_;
  std::unordered_map<std::string, std::pair<std::string, std::string>> known_;  ///< name -> state, digest
  bool changed_ = false;
};

/// A file whose digest is asked for.
struct Entry {
  std::string name;
  Notes* notes = nullptr;
  std::optional<FileState> state;
  bool lasting = false;  ///< computed from a file that nobody was writing to
};

std::string hash_file(const std::string& file, Entry& entry) {
  const bool settled = std::time(nullptr) > entry.state->changed + kClockTick;
  auto digest = sha256_file(file);
  const auto after = state_of(file);
  entry.lasting = settled && after && after->text == entry.state->text;
  return digest;
}

/// Files with what the notes in a folder know of them.
class Lookup {
 public:
  std::vector<std::string> digests;  ///< of each file; empty: not known
  std::vector<std::size_t> unknown;

  Lookup(const fs::path& folder, std::span<const std::string> files)
      : digests(files.size()), files_(files), entries_(files.size()) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto slash = files[i].rfind('/');
      const auto parent = slash == std::string::npos ? std::string(".") : files[i].substr(0, slash + 1);
      auto place = notes_.find(parent);
      if (place == notes_.end()) {
        std::error_code none;
        const auto real = fs::canonical(parent, none).string();
        place = notes_.emplace(parent, folder / (sha256(real) + ".tsv")).first;
      }
      entries_[i].name = files[i].substr(slash + 1);
      entries_[i].notes = &place->second;
    }
    parallel_blocks(static_cast<std::int64_t>(files.size()), kBlock, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        entries_[i].state = state_of(files[i]);
        digests[i] = entries_[i].state ? entries_[i].notes->find(entries_[i].name, entries_[i].state->text) : "missing";
      }
    });
    for (std::size_t i = 0; i < digests.size(); ++i) {
      if (digests[i].empty()) unknown.push_back(i);
    }
  }

  /// Reads the files that the notes do not know, and notes them.
  void complete() {
    std::optional<Progress> progress;
    const auto count = static_cast<std::int64_t>(unknown.size());
    if (unknown.size() >= kWorthAProgress) progress.emplace("reading for the cache's keys", "files", count);
    parallel_blocks(count, kBlock, [&](std::int64_t begin, std::int64_t end) {
      for (auto u = static_cast<std::size_t>(begin); u < static_cast<std::size_t>(end); ++u) {
        const auto i = unknown[u];
        try {
          digests[i] = hash_file(files_[i], entries_[i]);
        } catch (const UserError&) {
          digests[i] = "unreadable";
        }
      }
      if (progress) progress->advance(end - begin);
    });
    for (const auto i : unknown) {
      auto& entry = entries_[i];
      if (entry.lasting) entry.notes->insert(entry.name, entry.state->text, digests[i]);
    }
    for (const auto& [folder, note] : notes_) note.keep();
  }

 private:
  std::span<const std::string> files_;
  std::map<std::string, Notes> notes_;  // by folder as it is written in `files`
  std::vector<Entry> entries_;
};

/// The lock that lets one of several processes read many files while the others wait for its notes; none where the
/// folder cannot be written.
Descriptor lock_notes(const fs::path& folder) {
  try {
    ensure_folder(folder);
    return lock_file(folder / "lock", LockKind::kExclusive, IfHeld::kWait);
  } catch (const UserError&) {
    return {};
  }
}

}  // namespace

FileDigests::FileDigests(fs::path folder) : folder_(std::move(folder)) {}

std::string FileDigests::sha256(const fs::path& file) const {
  const auto digest = sha256_all(std::vector{file.string()}).front();
  return digest.size() == kHexDigits ? digest : sha256_file(file);  // which says why it cannot be read
}

std::vector<std::string> FileDigests::sha256_all(std::span<const std::string> files) const {
  std::optional<Lookup> lookup(std::in_place, folder_, files);
  Descriptor lock;
  if (lookup->unknown.size() >= kWorthAProgress) {
    lock = lock_notes(folder_);
    lookup.emplace(folder_, files);
  }
  lookup->complete();
  return std::move(lookup->digests);
}

}  // namespace scalselect
