// Rows of a pool that a file names: a subset that others published, a list of ids or row numbers, a ranking, a
// manifest.
//
// Read by content, whatever the file is called:
//   one id or row number per line; a JSON array, or JSON lines, of ids or row numbers ({"id": "3"} is an id and
//   {"row": 3} a row, whatever the pool has); a .npy array of either;
//   samples with their conversations, in any form that a pool may have;
//   a ranking (JSON lines with "row") and the manifest of a selection ("rows" and "ids"), both of this program.
// Ids repeat in real pools (LLaVA-665K). A sample whose id several rows share is told apart by its conversation, then
// by its pictures' names; an id that is listed as often as the pool has it means all of its rows; any other is refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/pool.h"

namespace scalselect {

/// "format" of a selection's manifest.
inline constexpr char kManifestFormat[] = "scalselect.selection/1";

/// What the words of a list are, where it holds no samples.
enum class KeyedBy {
  kAuto,  ///< what fits the pool: numbers are rows unless they are ids of it as well, which is refused
  kRow,   ///< 0-based rows of the pool
  kId,    ///< the pool's own ids
};

struct RowListOptions {
  KeyedBy keyed_by = KeyedBy::kAuto;
  bool skip_unknown = false;  ///< entries that the pool does not have: a warning in place of an error
  bool may_be_empty = false;  ///< a list without an entry is one
  bool of_method = false;     ///< the user can set method.keyed_by and method.unknown: what a refusal advises
};

struct RowList {
  std::vector<std::int64_t> rows;  ///< in the file's order, each once
  std::int64_t unknown = 0;        ///< entries that were skipped
};

/// Whether the file is a ranking: best first, so that its beginning is a choice. Throws UserError(kInput) if it cannot
/// be read.
bool is_ranking(const std::filesystem::path& file);

/// The rows that `file` names. `pool`: null where it is not known; then only row numbers below `pool_size` can be read.
/// Rows that the pool rejected may be among them. Entries that name a row twice are counted in a warning, as are
/// samples that have a row's id but another conversation. Throws UserError(kInput), with counts and examples: entries
/// that the pool does not have, ids that do not tell which row is meant, numbers that could be rows as well as ids, a
/// ranking or manifest of another pool, a file that is none of the above.
RowList read_row_list(const std::filesystem::path& file, const Pool* pool, std::int64_t pool_size,
                      const RowListOptions& options = {});

}  // namespace scalselect
