// Sets of rows as ascending lists.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

namespace scalselect {

/// Rows of either list; both ascending, as in the functions below.
inline std::vector<std::int64_t> united(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  std::vector<std::int64_t> rows;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rows));
  return rows;
}

/// Rows of both.
inline std::vector<std::int64_t> common(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  std::vector<std::int64_t> rows;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rows));
  return rows;
}

/// Rows of `a` that `b` does not have.
inline std::vector<std::int64_t> without(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  std::vector<std::int64_t> rows;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rows));
  return rows;
}

}  // namespace scalselect
