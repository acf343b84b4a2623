#include "data/score_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "core/files.h"
#include "core/utf8.h"
#include "data/byte_stream.h"
#include "data/json_scan.h"
#include "data/python_json.h"
#include "data/selection.h"

namespace scalselect {
namespace {

constexpr std::size_t kQuoted = 100;  // bytes of a bad line

constexpr const char* kRemedy = "Each line is {\"sample_id\": .., \"importance\": ..}.";

/// The number that `id` spells without leading zeros or signs, as JSON; otherwise the string itself.
nlohmann::ordered_json id_value(const std::string& id) {
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (code == std::errc{} && number >= 0 && std::to_string(number) == id) return number;
  return id;
}

std::string id_text(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : std::to_string(value.get<std::int64_t>());
}

std::int64_t row_number(const std::string& id, const Pool& pool, const std::filesystem::path& file) {
  std::int64_t row = -1;
  const auto [end, code] = std::from_chars(id.data(), id.data() + id.size(), row);
  if (code != std::errc{} || end != id.data() + id.size() || row < 0 || row >= pool.size()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("'{}' scores '{}', which is not a row of '{}' (rows 0 to {}).", file.string(), id,
                                pool.file().string(), pool.size() - 1),
                    "If the file is keyed by the pool's ids, say ids=id.");
  }
  return row;
}

}  // namespace

void write_scores(const std::vector<ScoredId>& entries, const std::filesystem::path& file) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!std::isnan(entries[i].score)) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return entries[a].score > entries[b].score; });
  std::string text;
  for (const auto i : order) {
    // Python's json.dumps writes a space after ':' and ','; the authors' files look like that.
    text += fmt::format("{{\"sample_id\": {}, \"importance\": {}}}\n", id_value(entries[i].id).dump(),
                        nlohmann::ordered_json(entries[i].score).dump());
  }
  write_file_atomically(file, text);
}

std::vector<ScoredId> read_scores(const std::filesystem::path& file) {
  const FileBytes bytes(file);
  if (bytes.compression() == Compression::kNone) refuse_wide_text(bytes.head(), file);
  const auto text = bytes.open();
  JsonValues values([&](char* to, std::size_t size) { return text->read(to, size); }, JsonLayout::kLines);
  std::vector<ScoredId> entries;
  const auto next = [&](std::string_view& line) {
    try {
      return values.next(line);
    } catch (const DamagedStream& error) {
      throw UserError(ErrorKind::kInput, fmt::format("'{}' {}.", file.string(), error.what()), "Copy it again.");
    }
  };
  for (std::string_view line; next(line);) {
    const auto value = parse_python_json(line);
    if (value.is_object() && value.contains("metadata")) continue;
    const bool good = value.is_object() && value.contains("sample_id") && value.contains("importance") &&
                      (value["sample_id"].is_string() || value["sample_id"].is_number_integer()) &&
                      value["importance"].is_number();
    if (!good) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("Line {} of '{}' is not a score: {}", values.place().line, file.string(),
                                  repair_utf8(line.substr(0, kQuoted))),
                      kRemedy);
    }
    entries.push_back({id_text(value["sample_id"]), value["importance"].get<double>()});
  }
  const auto& error = values.error();
  if (!error.what.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' {} on line {}.", file.string(), error.what, error.place.line),
                    kRemedy);
  }
  if (entries.empty()) throw UserError(ErrorKind::kInput, fmt::format("'{}' has no scores.", file.string()), kRemedy);
  return entries;
}

std::vector<double> scores_by_row(const std::vector<ScoredId>& entries, const Pool& pool, IdKind ids,
                                  const std::filesystem::path& file) {
  std::vector<std::int64_t> rows;
  if (ids == IdKind::kId) {
    std::vector<std::string> names;
    for (const auto& entry : entries) names.push_back(entry.id);
    rows = rows_of_ids(pool, names);
  } else {
    for (const auto& entry : entries) rows.push_back(row_number(entry.id, pool, file));
  }
  std::vector<double> scores(static_cast<std::size_t>(pool.size()), std::numeric_limits<double>::quiet_NaN());
  std::vector<bool> seen(scores.size(), false);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto row = static_cast<std::size_t>(rows[i]);
    if (seen[row]) {
      throw UserError(ErrorKind::kInput, fmt::format("'{}' scores '{}' twice.", file.string(), entries[i].id),
                      "Remove one of the two lines.");
    }
    seen[row] = true;
    scores[row] = entries[i].score;
  }
  return scores;
}

}  // namespace scalselect
