// Tables, plots and one self-contained page from what the store and its artifacts hold.
#pragma once

#include <filesystem>
#include <string>

namespace scalselect::report {

struct ReportRequest {
  std::filesystem::path store;
  std::string experiment;
  std::filesystem::path folder;    ///< receives the files; created
  std::string command;             ///< printed as the way to make it again
  std::string against = "random";  ///< the method of the column of differences
};

struct ReportFiles {
  std::string table_text;      ///< the main table, plain text for a terminal
  std::filesystem::path page;  ///< FOLDER/report.html
};

/// Writes table.md, table.tex, table.csv (long form, unrounded), table.json, costs.md, plots (.svg with the .csv behind
/// each) and report.html, from the finished runs of the experiment. Everything is recomputed from stored answers and
/// selections; equal inputs give equal bytes. Throws UserError if the experiment has no finished run or lacks the
/// full-data row.
ReportFiles write_report(const ReportRequest& request);

}  // namespace scalselect::report
