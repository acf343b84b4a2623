#include "data/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
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

void write_ranking(const Pool& pool, const std::vector<std::int64_t>& rows, const std::vector<double>& scores,
                   const std::filesystem::path& file) {
  // Ids are read in pool order and written in rank order: one text holds them in between.
  auto ascending = rows;
  std::sort(ascending.begin(), ascending.end());
  std::string ids;
  std::vector<std::size_t> ends;
  pool.for_each_of(ascending, [&](Sample& sample) {
    ids += sample.id;
    ends.push_back(ids.size());
  });
  FileWriter writer(file);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = rows[i];
    const auto at =
        static_cast<std::size_t>(std::lower_bound(ascending.begin(), ascending.end(), row) - ascending.begin());
    const auto begin = at == 0 ? 0 : ends[at - 1];
    nlohmann::ordered_json line{{"rank", i + 1}, {"row", row}, {"id", ids.substr(begin, ends[at] - begin)}};
    line["score"] =
        scores.empty() ? nlohmann::ordered_json(nullptr) : finite_or_null(scores[static_cast<std::size_t>(row)]);
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
