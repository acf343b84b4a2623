// Tables, plots and one self-contained page from what the store and its artifacts hold.
#pragma once

#include <filesystem>
#include <string>

namespace scalselect::report {

struct ReportRequest {
  std::filesystem::path store;
  std::string experiment;
  std::filesystem::path folder;       ///< receives the files; created; empty: where the runs' configuration puts it
  std::string against = "random";     ///< the method of the column of differences
  std::filesystem::path published{};  ///< folder of the published numbers; empty: the program's own
};

struct ReportFiles {
  std::string table_text;      ///< the main table and what was resolved, plain text for a terminal
  std::filesystem::path page;  ///< FOLDER/report.html
};

/// results/local/report/NAME: each experiment has its own folder, whatever its name.
std::filesystem::path default_folder(const std::string& experiment);

/// Throws UserError(kUsage) if `folder` holds the report of another experiment.
void check_folder(const std::filesystem::path& folder, const std::string& experiment);

/// Writes table.md, table.tex, table.csv (long form, unrounded), table.json, tests.csv (every paired test),
/// published.csv (beside the numbers of papers, if there are some for this experiment), costs.md, plots (.svg with the
/// .csv of each; without gnuplot none, and a warning) and report.html, from the finished runs of the experiment, and
/// removes what an earlier report of the experiment left there and this one does not have. Everything is recomputed
/// from stored answers and selections; equal inputs give equal bytes. Throws UserError if the experiment has no
/// finished run or lacks the full-data row, or if the folder is another experiment's.
ReportFiles write_report(const ReportRequest& request);

}  // namespace scalselect::report
