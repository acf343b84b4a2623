// Selection from a file of vectors, without a model: for methods that need one table of vectors or none.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/matrix.h"
#include "core/options.h"
#include "data/pool.h"
#include "data/score_file.h"
#include "data/selection.h"
#include "selector/method.h"

namespace scalselect {

/// N vectors of width d, float16, float32 or float64 in the file.
struct FeatureFile {
  std::filesystem::path path;
  std::shared_ptr<const RowSource> vectors;
  std::vector<std::string> ids;  ///< of the rows; empty if the file has none (.npy)
};

/// Opens the authors' `all_representations.npz` (sample_ids, representations) or a matrix in a .npy file; which of them
/// it is shows by content. Throws UserError(kInput) as import_representations and open_npy_rows, and for other files.
FeatureFile open_feature_file(const std::filesystem::path& file);

/// Whether the method asks for at most one table, and that of vectors.
bool needs_vectors_only(const SelectionMethod& method);

/// A method by name whose needs a feature file can meet. Throws UserError(kUsage), naming what it needs and the methods
/// that would do, if it asks for anything but at most one table of vectors; and as make_method.
std::unique_ptr<SelectionMethod> make_vector_method(const std::string& name, const nlohmann::json& options,
                                                    const std::string& path = {}, const KeyOrigin& origin = {});

/// Chooses `budget` of the file's rows. In the result rows count the file's rows from 0, and so do the scores. Rows
/// that hold NaN or infinity are never chosen and named in a warning. Throws UserError(kInput) if none is finite, and
/// as Budget::rows.
SelectionResult select_from_file(const SelectionMethod& method, const FeatureFile& file, const Budget& budget,
                                 std::uint64_t seed);

/// The pool row that each row of the file stands for: by its ids (`ids` says what they are), or row by row if it has
/// none. Throws UserError(kInput): as scores_by_row; a file without ids whose rows are not as many as the pool's.
std::vector<std::int64_t> pool_rows(const FeatureFile& file, const Pool& pool, IdKind ids);

/// One row a line, in the order given.
void write_row_list(const std::vector<std::int64_t>& rows, const std::filesystem::path& file);

}  // namespace scalselect
