// Results of stages, kept in folders whose names are hashes of everything that went into them.
//
// key = SHA-256 of canonical JSON {stage, version, inputs, params}; folder = ROOT/<stage>/<2 hex>/<key>/ with the
// stage's files and a meta.json that repeats the payload. A folder is complete if and only if it exists under that
// name: work is done in `<key>.partial` and renamed at the end. A killed stage leaves its partial folder, and the next
// attempt resumes from it (feature shards, training checkpoints, answered questions).
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/files.h"

namespace scalselect {

/// Identity of one stage's output.
struct StageKey {
  std::string stage;  ///< "features", "scores", "selection", "adapter", "predictions", "metrics"
  int version = 1;    ///< raised by hand when the meaning of the output changes
  nlohmann::json inputs = nlohmann::json::object();  ///< name -> digest of what was read
  nlohmann::json params = nlohmann::json::object();  ///< options that change the output, and no others

  nlohmann::json payload() const;
  std::string digest() const;  ///< 64 hex characters
};

class ArtifactCache {
 public:
  /// `root` is created when first written to.
  explicit ArtifactCache(std::filesystem::path root);

  /// The finished folder of `key`, if there is one. Throws UserError(kInput) if its meta.json has another payload.
  std::optional<std::filesystem::path> find(const StageKey& key) const;

  /// Where `key`'s folder is or will be.
  std::filesystem::path folder(const StageKey& key) const;

  /// A stage that is being computed: holds an exclusive lock on its key until destroyed (or the process dies).
  class Writer {
   public:
    Writer(Writer&&) noexcept = default;
    Writer& operator=(Writer&&) = delete;
    ~Writer();
    /// Folder to write into; may hold what an earlier, killed attempt left.
    const std::filesystem::path& folder() const { return partial_; }
    /// Writes meta.json (payload, `facts`, file sizes) and renames the folder to its final name, which is returned.
    std::filesystem::path commit(const nlohmann::json& facts = nlohmann::json::object());

   private:
    friend class ArtifactCache;
    Writer(const ArtifactCache& cache, const StageKey& key);
    std::filesystem::path partial_, final_;
    nlohmann::json payload_;
    Descriptor lock_;
  };

  /// Waits for any other process that computes the same key, then takes the lock. Check `find` again afterwards.
  Writer begin(const StageKey& key) const;

  /// A stage that several processes compute together, each a part: while one of them holds a share, nobody begins or
  /// removes the key.
  class Share {
   public:
    Share(Share&&) noexcept = default;
    Share& operator=(Share&&) = delete;
    ~Share();
    /// The folder that all of them write into, and that a Writer of the key finds.
    const std::filesystem::path& folder() const { return partial_; }

   private:
    friend class ArtifactCache;
    Share(const ArtifactCache& cache, const StageKey& key);
    std::filesystem::path partial_;
    Descriptor lock_;
  };

  /// Waits for a process that computes the same key alone. Check `find` again afterwards.
  Share share(const StageKey& key) const;

  /// Whether a process is computing the key at this moment, alone or with others.
  bool is_held(const StageKey& key) const;

  /// A finished artifact, or what a killed attempt left to resume from.
  struct Entry {
    std::string stage, digest;
    bool complete = false;
    std::uintmax_t bytes = 0;
    std::int64_t made_s = 0;  ///< when it was finished, or begun: seconds since 1970
    nlohmann::json params;    ///< of a finished artifact: its key's options
  };
  /// Everything in the cache, by stage and digest. A folder counts only where the cache would have put it and, if
  /// finished, only if its name is the digest of the payload in its meta.json: anything else under the root is not the
  /// cache's.
  std::vector<Entry> list() const;

  /// Removes what `entry` names and nothing else. Does nothing and returns false while a stage is computing its key.
  bool remove(const Entry& entry) const;

  const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path root_;
};

/// "params.theta: 0.9 -> 0.8": the first field in which two payloads differ; empty if they are equal.
std::string first_difference(const nlohmann::json& before, const nlohmann::json& after);

}  // namespace scalselect
