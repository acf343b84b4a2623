// Feature tables in memory for tests of methods.
#pragma once

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "selector/features.h"

namespace scalselect {

/// A table that owns its values; by default rows 0, 1, 2, ...
inline FeatureTable table_of(std::vector<float> values, std::int64_t cols, std::vector<std::int64_t> rows = {}) {
  struct Owned final : RowSource {
    std::vector<float> values;
    std::int64_t width = 0;
    std::int64_t rows() const override { return static_cast<std::int64_t>(values.size()) / width; }
    std::int64_t cols() const override { return width; }
    void read(std::int64_t first, std::int64_t count, float* out) const override {
      std::copy_n(values.begin() + first * width, count * width, out);
    }
  };
  auto owned = std::make_shared<Owned>();
  owned->values = std::move(values);
  owned->width = cols;
  if (rows.empty()) {
    rows.resize(static_cast<std::size_t>(owned->rows()));
    std::iota(rows.begin(), rows.end(), 0);
  }
  return {owned, rows};
}

}  // namespace scalselect
