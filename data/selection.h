// What a selection looks like on disk: budgets, subset files, ranking files, lists of rows or ids.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/pool.h"

namespace scalselect {

/// A share of the rows or a number of rows.
struct Budget {
  double share = 0;        ///< in (0, 1], or 0 when `count` is meant
  std::int64_t count = 0;  ///< >= 1, or 0 when `share` is meant

  /// Number of rows out of `available`: share * available rounded to the nearest integer (halves up), at least 1.
  /// Throws UserError(kUsage) if `count` is larger than `available` or nothing is available.
  std::int64_t rows(std::int64_t available) const;
  /// The same out of `size` rows of which only `choosable` can be chosen: a share means a share of all rows and gives
  /// way to what can be chosen, a count does not.
  std::int64_t rows(std::int64_t size, std::int64_t choosable) const;
  /// "0.16" or "100000".
  std::string text() const;
  bool operator==(const Budget&) const = default;
};

/// "0.16", "16%" and "1.0" are shares; digits alone ("1", "100000") are a number of rows.
/// Throws UserError(kUsage) for 0, negative numbers, shares above 1 and anything else; `key` is named in the message.
Budget parse_budget(std::string_view text, std::string_view key = "budget");

/// Several budgets, separated by commas, blanks around them and square brackets around all allowed.
std::vector<Budget> parse_budgets(std::string_view text, std::string_view key = "budget");

/// Writes the chosen rows as the pool's own objects, byte for byte and in pool order, as an array or as lines like the
/// pool. `rows` in any order. Throws UserError(kEnvironment) if the file cannot be written; asserts rows in range.
void write_subset(const Pool& pool, std::vector<std::int64_t> rows, const std::filesystem::path& file);

/// One line a row, best first: {"rank": 1, "row": 17, "id": "..", "score": 0.25}. `rows` in rank order; `scores` is
/// pool-sized (indexed by row) or empty (then "score" is null).
void write_ranking(const Pool& pool, const std::vector<std::int64_t>& rows, const std::vector<double>& scores,
                   const std::filesystem::path& file);

/// Row numbers, a JSON array or one a line, or a ranking file ("row" of each line), in file order.
/// Throws UserError(kInput) naming file and line for anything else or a row outside [0, pool.size()).
std::vector<std::int64_t> read_rows(const Pool& pool, const std::filesystem::path& file);

/// The rows of `ids`, in the order of `ids`. Throws UserError(kInput) for an id that is unknown or that several rows
/// share, with the way out (keys by row).
std::vector<std::int64_t> rows_of_ids(const Pool& pool, const std::vector<std::string>& ids);

}  // namespace scalselect
