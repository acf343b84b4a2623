// Subsets on disk, in the container that the pool came from or in another one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "data/pool.h"

namespace scalselect {

enum class SubsetFormat {
  kAuto,   ///< by the file's extension (.json, .jsonl, .ndjson, these also with .gz or .zst; .tar; .parquet), else the
           ///< pool's own
  kLlava,  ///< JSON array of rows with `conversations` and `image`
  kShareGpt,    ///< JSON array of rows with `messages` and `images`, as LLaMA-Factory reads them
  kJsonLines,   ///< one row a line
  kWebDataset,  ///< a tar with the rows and their pictures
  kIds,         ///< one id a line; row numbers, with a warning, where ids do not tell the rows
  kParquet,     ///< rows of one Parquet file as they are; others as write_parquet (data/containers/parquet.h) has them
};

/// Writes the chosen rows in pool order; `rows` in any order. Rows stay as they are written, but for what the format
/// requires: a conversation in the other spelling, pictures. Pictures inside the pool's containers that go into a JSON
/// file are written to `pictures_beside` it, and the rows name those; one that cannot be read is missing there, with a
/// warning. Rows of several files become one JSON file or one tar; without an extension that says so, those of several
/// tars or Parquet files become a folder of shards. Rows that cannot be used are left out, with a warning, unless text
/// goes to text. Returns how many rows were written. Throws UserError: kEnvironment if a file cannot be written; kUsage
/// for a JSON file whose relative pictures would not be below one folder, and where another picture has the name of one
/// to be written.
std::int64_t write_subset(const Pool& pool, std::vector<std::int64_t> rows, const std::filesystem::path& file,
                          SubsetFormat format = SubsetFormat::kAuto);

/// FILE_images/ beside FILE.json: where pictures are written that lie in a container. Without .json, .jsonl or .gz.
std::filesystem::path pictures_beside(const std::filesystem::path& subset);

/// The chosen rows as JSON, an array or lines as the pool, where pictures inside containers stay references.
void write_rows(const Pool& pool, std::vector<std::int64_t> rows, const std::filesystem::path& file);

}  // namespace scalselect
