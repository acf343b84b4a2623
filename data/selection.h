// Selections on disk: ranking files. Subsets: data/subset.h; lists that name rows: data/row_list.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/pool.h"

namespace scalselect {

/// The ids of `rows`, in their order; empty texts where the pool has none.
std::vector<std::string> ids_of(const Pool& pool, const std::vector<std::int64_t>& rows);

/// One line per row, best first: {"rank": 1, "row": 17, "id": "..", "score": 0.25}. `rows` in rank order; `scores` is
/// pool-sized (indexed by row) or empty (then "score" is null).
void write_ranking(const Pool& pool, const std::vector<std::int64_t>& rows, const std::vector<double>& scores,
                   const std::filesystem::path& file);

/// The rows of `ids`, in the order of `ids`. Throws UserError(kInput) for an id that is unknown or that several rows
/// share, with the remedy (keys by row).
std::vector<std::int64_t> rows_of_ids(const Pool& pool, const std::vector<std::string>& ids);

}  // namespace scalselect
