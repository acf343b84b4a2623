#include "experiments/runs/selection_files.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "core/error.h"
#include "core/files.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void damaged(const fs::path& file, const std::string& what) {
  throw UserError(ErrorKind::kInput, fmt::format("'{}' is damaged: {}.", file.string(), what),
                  "Remove its folder and run the experiment again; what else is cached is not computed again.");
}

void check_row(std::int64_t row, std::int64_t pool_size, const fs::path& file) {
  if (row < 0 || row >= pool_size) damaged(file, fmt::format("the pool has no row {}", row));
}

}  // namespace

std::string rows_text(const std::vector<std::int64_t>& rows) {
  std::string text;
  for (const auto row : rows) text += std::to_string(row) + "\n";
  return text;
}

void write_selection_files(const SelectionResult& result, const fs::path& folder) {
  if (!result.rows.empty()) write_file_atomically(folder / "rows.txt", rows_text(result.rows));
  write_file_atomically(folder / "facts.json", result.facts.dump(1) + "\n");
  if (result.scores.empty()) return;
  std::string text;
  for (std::size_t row = 0; row < result.scores.size(); ++row) {
    if (!std::isnan(result.scores[row])) text += fmt::format("{}\t{}\n", row, result.scores[row]);
  }
  write_file_atomically(folder / "scores.tsv", text);
}

std::vector<std::int64_t> read_chosen_rows(const fs::path& folder, std::int64_t pool_size) {
  const auto file = folder / "rows.txt";
  std::vector<std::int64_t> rows;
  std::istringstream in(read_file(file));
  for (std::int64_t row = 0; in >> row; rows.push_back(row)) check_row(row, pool_size, file);
  if (!in.eof()) damaged(file, "it holds something other than numbers");
  return rows;
}

std::vector<double> read_scores_table(const fs::path& folder, std::int64_t pool_size) {
  const auto file = folder / "scores.tsv";
  if (!fs::exists(file)) return {};
  std::vector<double> scores(static_cast<std::size_t>(pool_size), std::nan(""));
  std::istringstream in(read_file(file));
  std::int64_t row = 0;
  for (std::string number; in >> row >> number;) {
    check_row(row, pool_size, file);
    char* end = nullptr;
    scores[static_cast<std::size_t>(row)] = std::strtod(number.c_str(), &end);
    if (*end != '\0') damaged(file, "'" + number + "' is not a number");
  }
  if (!in.eof()) damaged(file, "it holds something other than numbers");
  return scores;
}

nlohmann::ordered_json read_facts(const fs::path& folder) {
  const auto file = folder / "facts.json";
  auto facts = nlohmann::ordered_json::parse(read_file(file), nullptr, false);
  if (!facts.is_object()) damaged(file, "it is not a JSON object");
  return facts;
}

}  // namespace scalselect::pipeline
