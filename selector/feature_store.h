// Vectors of samples on disk: append-only shards that survive kill -9 at any moment.
//
// Folder: shard-00000.bin, shard-00001.bin, ...; manifest.json and rejects.jsonl appear when the store is complete.
// A shard is a sequence of blocks: a 40-byte header {magic, entries, payload bytes, first entry, vectors, checksums}
// and a payload (pool rows, ids, reject reasons, then the vectors). A block is good if its length and both CRC-32
// match; the first bad block of the last shard and everything after it is cut off when writing resumes. Blocks begin
// at fixed entry numbers, so an interrupted and an uninterrupted extraction give the same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"
#include "core/matrix.h"
#include "data/score_file.h"
#include "selector/features.h"

namespace scalselect {

struct FeatureStoreSpec {
  std::int64_t cols = 0;
  StorePrecision precision = StorePrecision::kFloat32;
  std::int64_t block_rows = 64;     ///< entries lost at most when the process is killed
  std::int64_t shard_rows = 65536;  ///< entries per shard, a multiple of block_rows
  /// describe_feature(); kept in the manifest, so that stores of different features do not mix.
  nlohmann::ordered_json feature;
};

/// A row that has no vector.
struct FeatureReject {
  std::int64_t row = 0;
  std::string id, reason;
};

class FeatureWriter {
 public:
  /// Opens the folder, or creates it; continues after the last good block of an earlier attempt.
  /// Throws UserError(kInput) if the folder holds a store of another spec; UserError(kEnvironment) if it cannot write.
  FeatureWriter(const std::filesystem::path& folder, const FeatureStoreSpec& spec);
  FeatureWriter(FeatureWriter&&) noexcept;
  ~FeatureWriter();  ///< entries of the block in progress are lost unless `finish` was called

  /// Entries are given in ascending row order; those below this row were given before, by this attempt or an earlier
  /// one.
  std::int64_t next_row() const;
  bool complete() const;  ///< an earlier attempt called `finish`; nothing may be added
  /// A call for a row below next_row() is ignored, so several writers fed from one pass may resume at different rows.
  /// A vector with NaN or infinity (also: too large for float16) becomes a reject of that row.
  void append(std::int64_t row, std::string_view id, std::span<const float> vector);
  void reject(std::int64_t row, std::string_view id, std::string_view reason);
  /// Writes the last block, rejects.jsonl and manifest.json, flushed to disk if they are to survive a power cut.
  void finish(Durability durability = Durability::kSynced);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A complete store, as rows of float32. `read` may be called from several threads; each block's checksum is verified
/// when the store is opened.
class FeatureStore final : public RowSource {
 public:
  /// Throws UserError(kInput): no manifest (extraction not finished), shards missing, cut or damaged.
  explicit FeatureStore(const std::filesystem::path& folder);
  ~FeatureStore() override;

  std::int64_t rows() const override;  ///< vectors, rejects not counted
  std::int64_t cols() const override;
  void read(std::int64_t first, std::int64_t count, float* out) const override;

  const std::vector<std::int64_t>& pool_rows() const;  ///< pool row of each vector, ascending
  const std::vector<std::string>& ids() const;         ///< pool id of each vector
  const std::vector<FeatureReject>& rejects() const;
  const FeatureStoreSpec& spec() const;

  /// The store as methods read it.
  static FeatureTable table(const std::filesystem::path& folder);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes the authors' `all_representations.npz`: `sample_ids` ('<U..') and `representations` ('<f4' N x d; '<f2' of a
/// store in float16, whose numbers it holds; bfloat16 is no type of NumPy's).
/// Rows that share an id are all written (the authors' code would keep the last one); a warning counts them.
void export_representations(const FeatureStore& store, IdKind ids, const std::filesystem::path& file);

/// Throws UserError(kInput), naming both files, unless a shard has as many columns as the first one.
void check_columns(const RowSource& shard, const std::filesystem::path& file, const RowSource& first,
                   const std::filesystem::path& first_file);

/// What such a file holds, whether the authors' code or this program wrote it.
struct Representations {
  std::shared_ptr<const RowSource> vectors;
  std::vector<std::string> ids;  ///< parallel to the rows
};

/// Reads `all_representations.npz` (stored or deflated, float16/32/64). Throws UserError(kInput) as NpzReader, and if
/// the two arrays differ in length.
Representations import_representations(const std::filesystem::path& file);
/// The shards of one table, one after the other; throws as above, and if they differ in width.
Representations import_representations(std::span<const std::filesystem::path> files);

}  // namespace scalselect
