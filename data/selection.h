// Selections on disk: subset and ranking files. Lists that name rows are read in data/row_list.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/pool.h"

namespace scalselect {

/// Writes the chosen rows as the pool's own objects, byte for byte and in pool order, as an array or as lines like the
/// pool. `rows` in any order. Throws UserError(kEnvironment) if the file cannot be written; asserts rows in range.
void write_subset(const Pool& pool, std::vector<std::int64_t> rows, const std::filesystem::path& file);

/// One line per row, best first: {"rank": 1, "row": 17, "id": "..", "score": 0.25}. `rows` in rank order; `scores` is
/// pool-sized (indexed by row) or empty (then "score" is null).
void write_ranking(const Pool& pool, const std::vector<std::int64_t>& rows, const std::vector<double>& scores,
                   const std::filesystem::path& file);

/// The rows of `ids`, in the order of `ids`. Throws UserError(kInput) for an id that is unknown or that several rows
/// share, with the remedy (keys by row).
std::vector<std::int64_t> rows_of_ids(const Pool& pool, const std::vector<std::string>& ids);

}  // namespace scalselect
