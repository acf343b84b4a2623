// A feature table in memory, for methods that look at pairs of rows.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "selector/features.h"
#include "selector/rows.h"

namespace scalselect {

/// The vectors of chosen pool rows, row-major float32.
struct TableRows {
  std::vector<std::int64_t> rows;  ///< pool rows, ascending
  std::int64_t cols = 0;
  std::vector<float> values;

  std::int64_t size() const { return static_cast<std::int64_t>(rows.size()); }
  const float* row(std::int64_t i) const { return values.data() + i * cols; }
  MatrixView view() const { return {values.data(), size(), cols}; }
  ConstRows matrix() const { return as_matrix(view()); }
};

/// Loads the vectors of `candidates` (each of them must be in the table). `normalize`: rows scaled to length 1 (zero
/// rows stay zero). Throws UserError(kEnvironment) with the estimate before allocating more than the machine has free,
/// naming `method`; UserError(kInput) for a vector that is not finite.
TableRows load_rows(const FeatureTable& table, const std::vector<std::int64_t>& candidates, bool normalize,
                    std::string_view method);

/// Refuses, with the estimate, what would not fit into the memory that is free now. Throws UserError(kEnvironment).
void require_memory(double bytes, std::string_view method);

/// Inner product and squared distance of two vectors of length d, in eight interleaved float32 sums: the same bytes for
/// any number of threads and any split into blocks. A processor on which the compiler fuses multiplications with
/// additions may change the last digits.
float dot(const float* a, const float* b, std::int64_t d);
float squared_distance(const float* a, const float* b, std::int64_t d);

/// The same inner product in eight float64 sums.
double wide_dot(const float* a, const float* b, std::int64_t d);

}  // namespace scalselect
