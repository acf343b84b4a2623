// The authors' `importance_scores.jsonl`: one {"sample_id": 17, "importance": 0.0123} per line, best first.
// (ChangtiWu/ScalSelect, scripts/cur.py writes it, scripts/select_sharegpt.py reads it.)
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/pool.h"

namespace scalselect {

struct ScoredId {
  std::string id;
  double score = 0;
};

/// The kind of ids in a feature or score file.
enum class IdKind {
  kRow,  ///< 0-based rows of the pool
  kId,   ///< the pool's own ids
};

/// Writes the scores of `ids`, parallel to `scores`, ordered by (score descending, position ascending), NaN left out.
/// An id of digits only without leading zeros is written as a number, as the authors' code does, any other as a string.
/// Memory: 8 bytes a score besides what is given.
void write_scores(std::span<const std::string> ids, std::span<const double> scores, const std::filesystem::path& file);

/// In file order; a line with "metadata" is skipped as the authors' reader does.
/// Throws UserError(kInput) with file and line: not JSON, key missing, wrong type, no score at all.
std::vector<ScoredId> read_scores(const std::filesystem::path& file);

/// Pool-sized scores, NaN where the file has none. Throws UserError(kInput): an id that the pool does not have or has
/// twice, a row out of range, an id scored twice.
std::vector<double> scores_by_row(const std::vector<ScoredId>& entries, const Pool& pool, IdKind ids,
                                  const std::filesystem::path& file);

}  // namespace scalselect
