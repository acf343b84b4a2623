// Opening a pool, and paths as users give them: the same for every command and for the pipeline. Without LibTorch.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/artifact_cache.h"
#include "core/options.h"
#include "data/mini/generate.h"
#include "data/pool.h"

namespace scalselect::inputs {

struct PoolOptions {
  enum class Kind { kFile, kMini };
  Kind kind = Kind::kFile;
  std::string path;                ///< of a pool that is one entry; else empty
  std::vector<PoolEntry> entries;  ///< of a pool that is a list
  std::optional<std::string> image_root;
  mini::MiniWorldOptions world;

  template <class Visitor>
  static void describe(Visitor& v, PoolOptions& o) {
    v.choice("kind", o.kind, {{"file", Kind::kFile}, {"mini", Kind::kMini}}, "a pool on disk, or the rendered one");
    if constexpr (std::is_same_v<Visitor, OptionBinder>) o.bind_path(v);
    else if (o.entries.empty()) v.field("path", o.path, kPathHelp);
    else v.field("path", o.entries, kPathHelp);
    v.field("image_root", o.image_root, "folder of the images; null: that of the pool's files");
    v.field("world", o.world, "the mini world's options");
  }

  /// The pool's parts; those that name no image root have `image_root`.
  std::vector<PoolEntry> parts() const;

 private:
  static constexpr const char* kPathHelp =
      "a pool file, a folder of them, a pattern (shards/*.tar, {000..012}), or a list of these or of {path, "
      "image_root, "
      "name, rows, share}";
  /// A path, a list of paths or a list of entries.
  void bind_path(OptionBinder& binder);
};

/// The target pool of `tree`, a mapping as PoolOptions whose path may be null; nothing if it names none.
std::optional<PoolOptions> target_from(const nlohmann::json& tree, const KeyOrigin& origin);

/// A path as given if it exists, else below the program's own resources (so that `data/mini/model` works anywhere).
std::filesystem::path find_path(const std::string& path);

/// A pool ready to use, with the folder of the mini world's benchmarks if it is one.
struct OpenPool {
  std::shared_ptr<const Pool> pool;
  std::string digest;
  std::filesystem::path path;  ///< as Pool::file
  std::vector<std::filesystem::path> files;
  std::filesystem::path benchmarks;
};

/// Reads the pool; renders the mini world into the cache first if that is what `options` ask for.
OpenPool open_pool(const PoolOptions& options, const ArtifactCache& cache);

/// SHA-256 over the names and contents of a model folder's configuration, tokenizer, chat template and weight files;
/// `cache` remembers those of large files. Throws UserError(kInput) if there is no such folder.
std::string model_digest(const std::filesystem::path& folder, const ArtifactCache& cache);

}  // namespace scalselect::inputs
