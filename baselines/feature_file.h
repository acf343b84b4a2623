// Selection from a file of vectors, without a model: for methods that need one table of vectors or none.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "core/matrix.h"
#include "core/options.h"
#include "data/pool.h"
#include "data/score_file.h"
#include "selector/method.h"

namespace scalselect {

/// N vectors of width d, float16, float32 or float64 in the file.
struct FeatureFile {
  std::filesystem::path path;  ///< of several files: the first, and how many more there are
  std::shared_ptr<const RowSource> vectors;
  std::vector<std::string> ids;      ///< of the rows; empty if the file has none (.npy)
  std::vector<std::int64_t> finite;  ///< rows without NaN and infinity, ascending: the others are never chosen
};

/// The files that names mean: each a file, or a pattern (data/pool_paths.h) for those that it matches, in its order. A
/// name without a file is told when it is opened. Throws UserError(kInput) for a pattern that matches nothing.
std::vector<std::filesystem::path> feature_files(std::span<const std::string> names);

/// Opens the authors' `all_representations.npz` (sample_ids, representations) or a matrix in a .npy file,
/// told apart by content; of several files, which are the shards of one table, their rows one after another. Rows that
/// hold NaN or infinity are named in a warning. Throws UserError(kInput) as import_representations and open_npy_rows,
/// for other files, for shards of which some have ids and some have none, and if no row is finite; UserError(kUsage) if
/// there is no file.
FeatureFile open_feature_file(std::span<const std::filesystem::path> files);
FeatureFile open_feature_file(const std::filesystem::path& file);

/// Whether the method asks for at most one table, one of vectors, and for no target.
bool needs_vectors_only(const Method& method);

/// A method by name whose needs a feature file can meet. Throws UserError(kUsage), naming what it needs and the methods
/// that would do, if it asks for anything but at most one table of vectors; and as make_method.
Method make_vector_method(const std::string& name, const nlohmann::json& options, const std::string& path = {},
                          const KeyOrigin& origin = {});

/// The file's finite rows, counted from 0.
FeatureTable table_of(const FeatureFile& file);

/// The same as rows of the pool: by the file's ids (`ids` says what they are), or row by row if it has none. Throws
/// UserError(kInput): as scores_by_row; a file without ids whose rows are not as many as the pool's.
FeatureTable table_of(const FeatureFile& file, const Pool& pool, IdKind ids);

/// One row per line, in the order given.
void write_row_list(const std::vector<std::int64_t>& rows, const std::filesystem::path& file);

}  // namespace scalselect
