// Questions from Parquet files as lmms-eval's data sets have them (docs/benchmarks.md, "Files").
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::eval {

/// Whether `path` is a .parquet file, or a folder that holds some.
bool is_parquet_path(const std::string& path);

/// The files behind `path`, by name: shards of one split ("test-00000-of-00002….parquet"). Throws UserError(kInput),
/// naming the splits, if a folder holds several and `all_splits` is false.
std::vector<std::filesystem::path> parquet_files(const std::string& path, bool all_splits = false);

/// Benchmark::annotation_files of a benchmark in one file, or in Parquet files.
std::vector<std::string> one_or_parquet(const std::string& path, bool all_splits = false);

/// Calls `visit(row, question)` for each row of each file, in order. `row` holds its columns but the image; `question`
/// has an id (the row's number over all files, from 0), images (stored in `image_cache`), their names and cluster, or
/// the reason in `unusable` (column `image` is null, or cannot be stored), which names the file and the row. A column
/// that is not there is null. One row is in memory at a time. Throws UserError(kInput), naming the file, if it is not
/// Parquet or lacks one of `columns`.
void for_each_parquet_row(const std::vector<std::filesystem::path>& files, const std::vector<std::string>& columns,
                          const std::string& image_cache,
                          const std::function<void(const nlohmann::json& row, Question& question)>& visit);

/// A value as text: strings as they are, numbers written out, null and what pandas takes for missing ("nan") as "".
std::string parquet_text(const nlohmann::json& row, const char* column);

/// A list of texts as options A, B, …; a text alone as one.
std::vector<Option> parquet_options(const nlohmann::json& row, const char* column);

}  // namespace scalselect::eval
