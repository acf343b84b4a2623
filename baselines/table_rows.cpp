#include "baselines/table_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "core/check.h"
#include "core/error.h"
#include "core/parallel.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlock = 1024;

/// MemAvailable of /proc/meminfo in bytes; 0 if unknown.
double free_memory() {
  std::ifstream in("/proc/meminfo");
  std::string name, unit;
  double kilobytes = 0;
  while (in >> name >> kilobytes) {
    if (name == "MemAvailable:") return kilobytes * 1024;
    std::getline(in, unit);
  }
  return 0;
}

}  // namespace

void require_memory(double bytes, std::string_view method) {
  const double available = free_memory();
  if (available == 0 || bytes <= available) return;
  throw UserError(
      ErrorKind::kEnvironment,
      fmt::format("method={} needs {:.1f} GB of memory, {:.1f} GB are free.", method, bytes / 1e9, available / 1e9),
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
  return Eigen::Map<const Eigen::VectorXf>(a, d).dot(Eigen::Map<const Eigen::VectorXf>(b, d));
}

}  // namespace scalselect
