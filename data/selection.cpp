#include "data/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"

namespace scalselect {
namespace {

nlohmann::ordered_json finite_or_null(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

}  // namespace

void write_subset(const Pool& pool, std::vector<std::int64_t> rows, const std::filesystem::path& file) {
  std::sort(rows.begin(), rows.end());
  const bool array = pool.layout() == PoolLayout::kArray;
  std::string text = array ? "[\n" : "";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    text += pool.raw(rows[i]);
    text += array && i + 1 < rows.size() ? ",\n" : "\n";
  }
  if (array) text += "]\n";
  write_file_atomically(file, text);
}

void write_ranking(const Pool& pool, const std::vector<std::int64_t>& rows, const std::vector<double>& scores,
                   const std::filesystem::path& file) {
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = rows[i];
    nlohmann::ordered_json line{{"rank", i + 1}, {"row", row}, {"id", pool.sample(row).id}};
    line["score"] =
        scores.empty() ? nlohmann::ordered_json(nullptr) : finite_or_null(scores[static_cast<std::size_t>(row)]);
    text += line.dump() + "\n";
  }
  write_file_atomically(file, text);
}

std::vector<std::int64_t> rows_of_ids(const Pool& pool, const std::vector<std::string>& ids) {
  constexpr std::int64_t kSeveral = -1;
  std::unordered_map<std::string_view, std::int64_t> known;
  for (const auto& sample : pool.samples()) {
    if (const auto [entry, fresh] = known.emplace(sample.id, sample.row); !fresh) entry->second = kSeveral;
  }
  std::vector<std::int64_t> rows;
  for (const auto& id : ids) {
    const auto found = known.find(id);
    if (found == known.end() || id.empty()) {
      throw UserError(ErrorKind::kInput, fmt::format("No sample of '{}' has the id '{}'.", pool.file().string(), id),
                      "Check that the file belongs to this pool; if it was keyed by row, say ids=row.");
    }
    if (found->second == kSeveral) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("Several samples of '{}' share the id '{}', so it does not tell which is meant.",
                                  pool.file().string(), id),
                      "Key the file by row instead (ids=row).");
    }
    rows.push_back(found->second);
  }
  return rows;
}

}  // namespace scalselect
