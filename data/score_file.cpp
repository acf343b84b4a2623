#include "data/score_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/check.h"
#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/utf8.h"
#include "data/byte_stream.h"
#include "data/json_scan.h"
#include "data/python_json.h"
#include "data/selection.h"

namespace scalselect {
namespace {

constexpr std::size_t kQuoted = 100;  // bytes of a bad line

constexpr std::int64_t kPieceLines = 2048;  // of a score file that one thread writes as text
constexpr std::int64_t kPiecesAtOnce = 64;  // whose texts are in memory

constexpr const char* kRemedy = "Each line is {\"sample_id\": .., \"importance\": ..}.";

/// `id` in JSON: a number, if that is what it spells without leading zeros or signs; otherwise a string.
std::string id_json(const std::string& id) {
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(id.data(), id.data() + id.size(), number);
  const bool plain = !id.empty() && end == id.data() + id.size() && (id[0] != '0' || id == "0");
  if (code == std::errc{} && number >= 0 && plain && id[0] != '-') return id;
  return nlohmann::json(id).dump();
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

void write_scores(std::span<const std::string> ids, std::span<const double> scores, const std::filesystem::path& file) {
  SCALSELECT_CHECK(ids.size() == scores.size());
  std::vector<std::size_t> order;
  order.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!std::isnan(scores[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  FileWriter out(file);
  std::vector<std::string> texts(kPiecesAtOnce);
  const auto lines = static_cast<std::int64_t>(order.size());
  for (std::int64_t first = 0; first < lines; first += kPiecesAtOnce * kPieceLines) {
    const auto count = std::min(lines - first, kPiecesAtOnce * kPieceLines);
    parallel_blocks(count, kPieceLines, [&](std::int64_t begin, std::int64_t end) {
      std::string text;
      for (auto line = first + begin; line < first + end; ++line) {
        const auto i = order[static_cast<std::size_t>(line)];
        // Python's json.dumps writes a space after ':' and ','; the authors' files look like that.
        fmt::format_to(std::back_inserter(text), "{{\"sample_id\": {}, \"importance\": {}}}\n", id_json(ids[i]),
                       nlohmann::ordered_json(scores[i]).dump());
      }
      texts[static_cast<std::size_t>(begin / kPieceLines)] = std::move(text);
    });
    for (auto& text : texts) {
      out.write(text);
      text.clear();
    }
  }
  out.commit();
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
