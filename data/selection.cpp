#include "data/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "data/json_scan.h"

namespace scalselect {
namespace {

nlohmann::ordered_json finite_or_null(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

}  // namespace

std::vector<std::string> ids_of(const Pool& pool, const std::vector<std::int64_t>& rows) {
  std::vector<std::size_t> order(rows.size());  // places in pool order, in which the pool is read
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rows[a] < rows[b]; });
  auto ascending = rows;
  std::sort(ascending.begin(), ascending.end());
  std::vector<std::string> ids(rows.size());
  std::size_t next = 0;
  pool.for_each_of(ascending, [&](Sample& sample) { ids[order[next++]] = std::move(sample.id); });
  return ids;
}

void write_ranking(const Pool& pool, const std::vector<std::int64_t>& rows, const std::vector<double>& scores,
                   const std::filesystem::path& file) {
  const auto ids = ids_of(pool, rows);
  FileWriter writer(file);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    nlohmann::ordered_json line{{"rank", i + 1}, {"row", rows[i]}, {"id", ids[i]}};
    line["score"] =
        scores.empty() ? nlohmann::ordered_json(nullptr) : finite_or_null(scores[static_cast<std::size_t>(rows[i])]);
    writer.write(line.dump() + "\n");
  }
  writer.commit();
}

std::vector<std::int64_t> rows_of_ids(const Pool& pool, const std::vector<std::string>& ids) {
  constexpr std::int64_t kUnknown = -1, kSeveral = -2;
  std::unordered_map<std::string_view, std::int64_t> known;
  for (const auto& id : ids) known.emplace(id, kUnknown);
  pool.for_each([&](Sample& sample) {
    const auto found = known.find(sample.id);
    if (found != known.end()) found->second = found->second == kUnknown ? sample.row : kSeveral;
  });
  std::vector<std::int64_t> rows;
  for (const auto& id : ids) {
    const auto row = known.at(id);
    if (row == kUnknown || id.empty()) {
      throw UserError(ErrorKind::kInput, fmt::format("No sample of '{}' has the id '{}'.", pool.file().string(), id),
                      "Check that the file belongs to this pool; if it was keyed by row, say ids=row.");
    }
    if (row == kSeveral) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("Several samples of '{}' share the id '{}', so it does not tell which is meant.",
                                  pool.file().string(), id),
                      "Key the file by row instead (ids=row).");
    }
    rows.push_back(row);
  }
  return rows;
}

}  // namespace scalselect
