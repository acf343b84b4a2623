// A pool of visual-instruction samples, read in place: the samples are parsed anew in each pass and never held
// together, so that memory grows by some twenty bytes a row (bits, and a hash of the id while the pool is opened).
//
// A pool is a file in any container (data/containers/): a JSON array or JSON lines, as such or as .gz or .zst, a
// WebDataset tar, Parquet; or many of them, whose rows are numbered one after another. Containers are recognised by
// content. Each row may use any of these spellings:
//   {"id": .., "image": "a.jpg" | ["a.jpg", ..], "conversations": [{"from": "human", "value": ".."}, ..]}
//   {"id": .., "images": ["a.jpg", ..], "messages": [{"role": "user", "content": ".."}, ..]}
//   {"id": .., "images": ["a.jpg", ..], "texts": [{"user": "..", "assistant": ".."}, ..]}, or with role and content
// If a row has several, the first counts and a warning says so, and the pictures are those of the same spelling. null,
// [] and "" mean absent. JSON is read as Python reads it (data/python_json.h). The original bytes of every object can
// be had, so that a selection can repeat them without changing a comma.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file_digests.h"
#include "core/options.h"
#include "core/sample.h"
#include "data/containers/container.h"
#include "data/json_scan.h"

namespace scalselect {

/// A part of a pool.
struct PoolEntry {
  std::string path;                       ///< see pool_files (data/pool_paths.h)
  std::optional<std::string> image_root;  ///< relative pictures start here; not given: from each file's folder
  std::string name;                       ///< the `source` of rows that name none
  std::optional<std::int64_t> rows;       ///< take so many, spread evenly over the entry; not given: all
  std::optional<double> share;            ///< the same as a share of the entry's rows

  template <class Visitor>
  static void describe(Visitor& v, PoolEntry& o) {
    v.field("path", o.path, "a file, a folder of pool files, or a pattern such as shards/{000..012}.tar");
    v.field("image_root", o.image_root, "folder of its images; null: that of its files");
    v.field("name", o.name, "the source of samples that name none");
    v.field("rows", o.rows, "how many of its rows, spread evenly; null: all", Range{1, 1e12});
    v.field("share", o.share, "the same as a share of its rows", Range{0, 1});
  }
};

/// Something a user should know about some rows, which is the same of all of them. Rows stay where they are: a rejected
/// row keeps its number.
struct PoolProblem {
  std::string reason;     ///< "no id", "id 'x' was seen before in row 3", "empty conversation", ...
  bool rejected = false;  ///< true: the rows have no turns and no method may choose them
  std::int64_t count = 0;
  std::int64_t row = 0;  ///< the first
  std::string place;     ///< where that stands in its file ("line 12"); may be empty
};

class PoolRows;

class Pool {
 public:
  /// Reads the whole file once. Relative image paths start from `image_root`, or from the pool file's folder if that is
  /// not given. Images are not checked here: whether they exist is found out when they are read. A row that cannot be
  /// read is rejected. Throws UserError(kInput): unreadable or empty file, no known container, one that ends in the
  /// middle or is damaged (with the last good row), no usable row at all.
  explicit Pool(const std::filesystem::path& file, const std::optional<std::filesystem::path>& image_root = {});
  /// Of several entries. Throws also for patterns that match nothing and for quotas larger than what there is.
  explicit Pool(std::vector<PoolEntry> entries);
  ~Pool();
  Pool(Pool&&) noexcept;

  std::int64_t size() const;
  bool usable(std::int64_t row) const;       ///< not rejected
  bool has_picture(std::int64_t row) const;  ///< false of rejected rows
  /// The folder from which the row's relative pictures start.
  const std::filesystem::path& image_root(std::int64_t row) const;

  /// Calls `visit` for rows first, first + 1, ... in this thread; all threads parse. Rejected rows have no turns.
  /// Throws UserError(kInput) if a file has changed since the pool was opened. May be called by several threads.
  void for_each(const std::function<void(Sample& sample)>& visit, std::int64_t first = 0) const;
  /// Given rows (ascending), in one pass over what holds them.
  void for_each_of(std::span<const std::int64_t> rows, const std::function<void(Sample& sample)>& visit) const;
  std::vector<Sample> samples(std::span<const std::int64_t> rows) const;
  Sample sample(std::int64_t row) const;

  /// The same with each row as its container holds it; of JSON the bytes as written, without separators around.
  void for_each_raw(std::span<const std::int64_t> rows,
                    const std::function<void(Sample& sample, const RawRow& raw)>& visit) const;
  std::string raw(std::int64_t row) const;

  /// In the order of their first rows, at most a thousand reasons. The constructor logs them.
  const std::vector<PoolProblem>& problems() const;
  /// Reason of rejection, or an empty string.
  std::string reject_reason(std::int64_t row) const;

  /// Whether every row has an id of its own.
  bool ids_tell_rows() const;

  /// The pool's file; of several, the first entry's path and how many more there are, for messages.
  const std::filesystem::path& file() const;
  std::vector<std::filesystem::path> files() const;
  const std::vector<PoolEntry>& entries() const;
  /// SHA-256 over the bytes of the files and of their images, in the order in which rows name them: the identity of the
  /// pool as an input of a cached stage, independent of where pool and images are. Reads every image whose digest
  /// `digests` does not have; those inside a container are a part of it.
  std::string digest(const FileDigests& digests) const;

  /// One file of the pool and its rows among those of `rows` (ascending): (row in the pool, row in the file).
  struct FileRows {
    const Container* container = nullptr;
    std::vector<std::int64_t> pool_rows, file_rows;
  };
  std::vector<FileRows> by_file(std::span<const std::int64_t> rows) const;
  /// The first file's container.
  const Container& first_container() const;

 private:
  friend class PoolRows;
  friend class PoolCursor;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Reads one stretch of rows after another and keeps its place: a later stretch is reached from the end of the last
/// one, so that a compressed file is passed through once. Use one per thread; the pool must outlive it.
class PoolCursor {
 public:
  explicit PoolCursor(const Pool& pool);
  ~PoolCursor();
  /// Rows first … end - 1, as Pool::for_each.
  void for_each(std::int64_t first, std::int64_t end, const std::function<void(Sample& sample)>& visit);

 private:
  const Pool& pool_;
  std::unique_ptr<PoolRows> rows_;
};

}  // namespace scalselect
