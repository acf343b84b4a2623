// The manifest beside a subset: which pool it was chosen from, how, and which rows: enough to check its files, to
// choose again and to compare it with others. JSON of this form, the same for the same selection but for `created` and
// `command`:
//
//   {"format": "scalselect.selection/1", "created": "2026-11-29T12:00:00Z",
//    "program": {"name", "version", "commit", "dirty", "compiler"}, "command": "scalselect select …",
//    "settings": {the keys of `select` that lead to it again},
//    "inputs": [{"role": "pool", "rows", "digest", "files": [{"path", "bytes", "sha256"}]},
//               {"role": "model", "path", "digest"}, …],
//    "subset": {"file", "bytes", "sha256", "pictures": {"folder", "files", "missing", "digest"}},
//    "counts": {"rows", "usable", "rejected": {reason: rows}, "excluded", "must_keep", "without_features":
//               {reason: rows}, "chosen"},
//    "warnings": […], "rows": [in order of choice], "ids": [theirs]}
//
// "pictures" are those that were written beside the subset, if any were (subset_content.h). "digest" of a pool covers
// its pictures (Pool::digest), of a model folder what is read of it (inputs::model_digest).
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/file_digests.h"
#include "experiments/inputs/pool.h"
#include "selector/constraints.h"

namespace scalselect::pipeline {

/// What a selection was made of, before its rows are known.
struct SelectionRecord {
  nlohmann::ordered_json settings = nlohmann::ordered_json::object();
  nlohmann::ordered_json inputs = nlohmann::ordered_json::array();
  nlohmann::ordered_json counts = nlohmann::ordered_json::object();
  std::vector<std::string> warnings;
};

/// The options of a pool without those that another kind of pool has.
nlohmann::ordered_json pool_settings(const inputs::PoolOptions& options);

/// Adds a pool as input `role` and, of the pool that is chosen from, its counts.
void add_pool(SelectionRecord& record, const std::string& role, const inputs::OpenPool& pool,
              const FileDigests& digests);
void add_file(SelectionRecord& record, const std::string& role, const std::filesystem::path& file,
              const FileDigests& digests);
/// One input of several files, in their order.
void add_files(SelectionRecord& record, const std::string& role, std::span<const std::filesystem::path> files,
               const FileDigests& digests);
void add_folder(SelectionRecord& record, const std::string& role, const std::filesystem::path& folder,
                const std::string& digest);

/// The constraints that are set, their files, and how many rows these name.
void add_constraints(SelectionRecord& record, const ConstraintOptions& options, const Constraints& rows,
                     const FileDigests& digests);

/// Counts the rows for which one of the feature stores has no vector, other than those that the pool rejected.
void count_without_features(SelectionRecord& record, const std::vector<std::filesystem::path>& stores,
                            const Pool& pool);

/// Who wrote it.
struct ManifestOrigin {
  nlohmann::ordered_json program;
  std::string command;
};

/// subset.json -> subset.manifest.json, subset.tar -> subset.tar.manifest.json.
std::filesystem::path manifest_of(const std::filesystem::path& subset);

/// SHA-256 of a subset's file; of a folder of shards, of their names and contents.
std::string subset_digest(const std::filesystem::path& subset);

/// Writes the manifest of a subset that is written already. `rows`: in order of choice; `pool`: null for rows of a
/// table.
void write_manifest(const SelectionRecord& record, const std::vector<std::int64_t>& rows, const Pool* pool,
                    const std::filesystem::path& subset, const ManifestOrigin& origin);

/// A member that is text; empty where there is none.
std::string text_at(const nlohmann::ordered_json& object, const char* key);

/// A manifest as it is read back.
struct Manifest {
  std::filesystem::path file;
  nlohmann::ordered_json tree;
  std::vector<std::int64_t> rows;

  const nlohmann::ordered_json& settings() const { return tree.at("settings"); }
  /// The input of that role; null if there is none.
  nlohmann::ordered_json input(const std::string& role) const;
  /// The subset's file beside the manifest.
  std::filesystem::path subset() const;
};

/// Throws UserError(kInput): unreadable, not a manifest, of another format, damaged.
Manifest read_manifest(const std::filesystem::path& file);

}  // namespace scalselect::pipeline
