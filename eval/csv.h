// Comma-separated tables (RFC 4180).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace scalselect::eval {

/// Columns of the header, cells of a row (as many), and the line (1-based) on which the row begins.
using CsvVisitor = std::function<void(const std::vector<std::string>& columns, const std::vector<std::string>& cells,
                                      std::size_t line)>;

/// Visits the rows after the header. A cell that begins with a double quote ends at the next one that is not doubled
/// and may hold commas and newlines. Blank lines are skipped, short rows are filled up with empty cells. Throws
/// UserError(kInput), naming file and line: empty, not UTF-8, a quote that never closes, too many cells.
void for_each_csv_row(const std::filesystem::path& file, const CsvVisitor& visit);

}  // namespace scalselect::eval
