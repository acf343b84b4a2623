// The nearest neighbours of every row, exact, by blocks of inner products: bounded memory, any N.
//
// Candidates come from BLAS blocks in float32; the values of the few best are then computed again by one fixed formula,
// and ties go to the smaller row number, so that the lists do not depend on the number of threads; how BLAS rounds
// matters only where more than the 8 candidates kept in reserve are within its error.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "baselines/table_rows.h"

namespace scalselect {

enum class Closeness {
  kProduct,   ///< largest inner product (cosine, if the rows have length 1)
  kDistance,  ///< smallest Euclidean distance
};

/// Lists of `count` neighbours per row, best first.
struct Neighbors {
  std::int64_t count = 0;
  std::vector<std::int32_t> rows;  ///< N x count: positions in the table
  std::vector<float> values;       ///< N x count: inner products or distances (not squared)

  std::span<const std::int32_t> of(std::int64_t i) const {
    return {rows.data() + i * count, static_cast<std::size_t>(count)};
  }
  std::span<const float> values_of(std::int64_t i) const {
    return {values.data() + i * count, static_cast<std::size_t>(count)};
  }
};

/// The `count` nearest of each row (fewer if the table is smaller). With `self` a row is in its own list like any other
/// row, else never. Time O(N^2 d), memory O(N count), a block of products per thread and, for
/// kDistance, a copy of the rows.
Neighbors nearest_neighbors(const TableRows& table, std::int64_t count, Closeness closeness, bool self);

}  // namespace scalselect
