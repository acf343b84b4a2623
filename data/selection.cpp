#include "data/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/check.h"
#include "core/error.h"
#include "core/files.h"

namespace scalselect {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

[[noreturn]] void refuse_budget(std::string_view key, std::string_view text, const char* why) {
  throw UserError(ErrorKind::kUsage, fmt::format("{}={} {}.", key, text, why),
                  "Give a share above 0 and up to 1.0 (0.16, 16%) or a number of samples (100000).");
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

nlohmann::ordered_json finite_or_null(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

std::int64_t checked_row(const nlohmann::json& value, const Pool& pool, const std::filesystem::path& file,
                         std::int64_t place) {
  const auto& number = value.is_object() && value.contains("row") ? value["row"] : value;
  if (!number.is_number_integer()) {
    throw UserError(ErrorKind::kInput, fmt::format("Entry {} of '{}' is no row number.", place, file.string()),
                    "Give a JSON array of row numbers, one number a line, or a ranking file.");
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

std::int64_t Budget::rows(std::int64_t available) const {
  if (available < 1) throw UserError(ErrorKind::kInput, "No sample can be chosen: none has all that is needed.");
  if (share > 0) return std::max<std::int64_t>(1, std::llround(share * static_cast<double>(available)));
  SCALSELECT_CHECK(count >= 1);
  if (count > available) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("budget={} is more than the {} samples that can be chosen.", count, available),
                    "Lower the budget, or see the list of rejected rows.");
  }
  return count;
}

std::int64_t Budget::rows(std::int64_t size, std::int64_t choosable) const {
  return count > 0 ? rows(choosable) : std::min(rows(size), choosable);
}

std::string Budget::text() const { return share > 0 ? fmt::format("{}", share) : std::to_string(count); }

Budget parse_budget(std::string_view text, std::string_view key) {
  const std::string_view whole = trimmed(text);
  Budget budget;
  if (all_digits(whole)) {
    const auto [end, code] = std::from_chars(whole.data(), whole.data() + whole.size(), budget.count);
    if (code != std::errc{}) refuse_budget(key, whole, "is too large a number");
    if (budget.count == 0) refuse_budget(key, whole, "would choose nothing");
    return budget;
  }
  const bool percent = whole.ends_with('%');
  const std::string_view number = percent ? whole.substr(0, whole.size() - 1) : whole;
  const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), budget.share);
  if (number.empty() || code != std::errc{} || end != number.data() + number.size() || !std::isfinite(budget.share)) {
    refuse_budget(key, whole, "is neither a share nor a number of samples");
  }
  if (percent) budget.share /= 100;
  if (budget.share <= 0) refuse_budget(key, whole, "would choose nothing");
  if (budget.share > 1) refuse_budget(key, whole, "is a share above 1");
  return budget;
}

std::vector<Budget> parse_budgets(std::string_view text, std::string_view key) {
  std::string_view rest = trimmed(text);
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  std::vector<Budget> budgets;
  while (true) {
    const auto comma = rest.find(',');
    budgets.push_back(parse_budget(rest.substr(0, comma), key));
    if (comma == std::string_view::npos) return budgets;
    rest.remove_prefix(comma + 1);
  }
}

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

std::vector<std::int64_t> read_rows(const Pool& pool, const std::filesystem::path& file) {
  const std::string text = read_file(file);
  std::vector<JsonSpan> spans;
  const bool array = trimmed(text).starts_with('[');
  const auto error = array ? scan_json_array(text, spans) : scan_json_lines(text, spans);
  if (!error.what.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' {} at line {}.", file.string(), error.what, error.line),
                    "Give a JSON array of row numbers, one number a line, or a ranking file.");
  }
  std::vector<std::int64_t> rows;
  for (const auto& span : spans) {
    const auto value = nlohmann::json::parse(text.substr(span.begin, span.size), nullptr, false);
    rows.push_back(checked_row(value, pool, file, static_cast<std::int64_t>(rows.size()) + 1));
  }
  return rows;
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
