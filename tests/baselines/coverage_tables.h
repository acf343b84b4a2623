// Inputs for methods, over values that the caller keeps alive.
#pragma once

#include <numeric>
#include <vector>

#include "core/matrix.h"
#include "core/rng.h"
#include "selector/method.h"

namespace scalselect {

inline FeatureTable table_over(const std::vector<float>& values, std::int64_t cols) {
  const auto size = static_cast<std::int64_t>(values.size()) / cols;
  std::vector<std::int64_t> rows(static_cast<std::size_t>(size));
  std::iota(rows.begin(), rows.end(), 0);
  return {std::make_shared<MemoryRows>(MatrixView{values.data(), size, cols}), rows};
}

inline MethodInput input_over(const std::vector<float>& values, std::int64_t cols, std::uint64_t seed = 1) {
  MethodInput input;
  input.features = {table_over(values, cols)};
  input.candidates = input.features[0].rows;
  input.pool_size = static_cast<std::int64_t>(input.candidates.size());
  input.seed = seed;
  return input;
}

inline std::vector<float> gaussian_rows(std::int64_t rows, std::int64_t cols) {
  Rng rng(3, "coverage_tables");
  std::vector<float> values;
  for (std::int64_t i = 0; i < rows * cols; ++i) values.push_back(static_cast<float>(rng.normal()));
  return values;
}

/// A table of an AnswerLossSpec whose mean losses are `losses`.
inline std::vector<float> loss_rows(const std::vector<double>& losses) {
  std::vector<float> values;
  for (const double loss : losses) values.insert(values.end(), {static_cast<float>(4 * loss), 4, -1});
  return values;
}

}  // namespace scalselect
