#include "baselines/table_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "core/check.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlock = 1024;

/// The sum of `term(a[j], b[j])`, eight at a time; what is left over goes to the first lane.
template <class Sum, class Term>
Sum sum_in_lanes(const float* a, const float* b, std::int64_t d, const Term& term) {
  std::array<Sum, 8> sums{};
  std::int64_t j = 0;
  for (; j + 8 <= d; j += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) {
      const auto at = j + static_cast<std::int64_t>(lane);
      sums[lane] += term(a[at], b[at]);
    }
  }
  for (; j < d; ++j) sums[0] += term(a[j], b[j]);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

}  // namespace

void require_memory(double bytes, std::string_view method) {
  const auto available = free_memory();
  if (!available || bytes <= static_cast<double>(*available)) return;
  throw UserError(
      ErrorKind::kEnvironment,
      fmt::format("method={} needs {:.1f} GB of memory, but {:.1f} GB are free.", method, bytes / 1e9,
                  static_cast<double>(*available) / 1e9),
      "Run it on a larger machine, on fewer rows, or choose a streaming method (scalselect, random, length).");
}

TableRows load_rows(const FeatureTable& table, const std::vector<std::int64_t>& candidates, bool normalize,
                    std::string_view method) {
  TableRows loaded;
  loaded.rows = candidates;
  loaded.cols = table.vectors->cols();
  require_memory(4.0 * static_cast<double>(loaded.size()) * static_cast<double>(loaded.cols), method);
  loaded.values.resize(static_cast<std::size_t>(loaded.size() * loaded.cols));
  parallel_blocks(loaded.size(), kBlock, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto row = loaded.rows[static_cast<std::size_t>(i)];
      const auto found = std::lower_bound(table.rows.begin(), table.rows.end(), row);
      SCALSELECT_CHECK(found != table.rows.end() && *found == row);
      float* out = loaded.values.data() + i * loaded.cols;
      table.vectors->read(found - table.rows.begin(), 1, out);
      Eigen::Map<RowMajorMatrixXf> vector(out, 1, loaded.cols);
      if (!vector.allFinite()) {
        throw UserError(ErrorKind::kInput, fmt::format("The feature vector of row {} is not finite.", row),
                        "Extract the features again.");
      }
      if (normalize) scale_to_unit_length(vector);
    }
  });
  return loaded;
}

float dot(const float* a, const float* b, std::int64_t d) {
  return sum_in_lanes<float>(a, b, d, [](float x, float y) { return x * y; });
}

float squared_distance(const float* a, const float* b, std::int64_t d) {
  return sum_in_lanes<float>(a, b, d, [](float x, float y) { return (x - y) * (x - y); });
}

double wide_dot(const float* a, const float* b, std::int64_t d) {
  return sum_in_lanes<double>(a, b, d, [](float x, float y) { return static_cast<double>(x) * y; });
}

}  // namespace scalselect
