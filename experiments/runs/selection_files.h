// The files that scores and selections are kept in, written by the stages, read by them and by reports.
//
// rows.txt: one row of the pool per line, in order of choice. scores.tsv: row, tab, score with every digit; only rows
// that have one. facts.json: what the method reported.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "selector/method.h"

namespace scalselect::pipeline {

/// The text of rows.txt.
std::string rows_text(const std::vector<std::int64_t>& rows);

/// Writes facts.json, and rows.txt and scores.tsv where `result` has any.
void write_selection_files(const SelectionResult& result, const std::filesystem::path& folder);

/// These throw UserError(kInput), naming the file, if it is damaged or names a row that a pool of `pool_size` rows does
/// not have.
std::vector<std::int64_t> read_chosen_rows(const std::filesystem::path& folder, std::int64_t pool_size);
/// `pool_size` scores, NaN where a row has none; empty for methods without scores.
std::vector<double> read_scores_table(const std::filesystem::path& folder, std::int64_t pool_size);
nlohmann::ordered_json read_facts(const std::filesystem::path& folder);

}  // namespace scalselect::pipeline
