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

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

nlohmann::ordered_json finite_or_null(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

std::int64_t checked_row(const nlohmann::json& value, const Pool& pool, const std::filesystem::path& file,
                         std::int64_t place) {
  const auto& number = value.is_object() && value.contains("row") ? value["row"] : value;
  if (!number.is_number_integer()) {
    throw UserError(ErrorKind::kInput, fmt::format("Entry {} of '{}' is not a row number.", place, file.string()),
                    "Give a JSON array of row numbers, one number per line, or a ranking file.");
  }
  const auto row = number.get<std::int64_t>();
  if (row < 0 || row >= pool.size()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("Entry {} of '{}' is row {}, but '{}' has rows 0 to {}.", place, file.string(), row,
                                pool.file().string(), pool.size() - 1),
                    "Give the pool that the rows were counted in.");
  }
  return row;
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

std::vector<std::int64_t> read_rows(const Pool& pool, const std::filesystem::path& file) {
  const std::string text = read_file(file);
  JsonValues values(text, trimmed(text).starts_with('[') ? JsonLayout::kArray : JsonLayout::kLines);
  std::vector<std::int64_t> rows;
  for (std::string_view value; values.next(value);) {
    const auto number = nlohmann::json::parse(value, nullptr, false);
    rows.push_back(checked_row(number, pool, file, static_cast<std::int64_t>(rows.size()) + 1));
  }
  const auto& error = values.error();
  if (!error.what.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' {} at line {}.", file.string(), error.what, error.place.line),
                    "Give a JSON array of row numbers, one number per line, or a ranking file.");
  }
  return rows;
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
