// Rows of a pool that are looked at, and whether their pictures are there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/pool.h"
#include "experiments/plan/plan.h"

namespace scalselect::plan {

/// Some two thousand usable rows, spread evenly over the pool.
std::vector<std::int64_t> spread_rows(const Pool& pool);

/// How many of spread_rows lack a picture, with the first that is missing: a doubt, or, where no row is left that could
/// be used, a failed check. Nothing if all pictures are there. They are not opened.
std::optional<Check> picture_check(const std::string& what, const Pool& pool);

}  // namespace scalselect::plan
