// Numbers that papers report for the experiment of the same name, beside ours.
//
// They are data files (results/paper in the source tree, share/scalselect/paper of an installation): experiments.csv
// says which table belongs to which experiment, metrics.csv which of our metrics a published column is, and the tables
// hold one number a line. docs/report.md describes the columns.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/report/grid.h"
#include "experiments/report/table.h"

namespace scalselect::report {

struct PublishedValue {
  std::string method, metric;
  double share = 1;  ///< the number of samples as a part of the published pool, 0..1
  double value = 0;
  std::string status;  ///< how well it is attested, as the table's file explains
};

/// One paper's numbers for one experiment.
struct PublishedTable {
  std::string name;    ///< as rows are called: "ScalSelect"
  std::string source;  ///< a sentence: where it stands, and what the letters of status mean
  std::string model, pool;
  std::vector<PublishedValue> values;
};

/// A column of published tables.
struct PublishedMetric {
  std::string metric, kind, language;  ///< "mme_perception", "mme", ""; no kind: Rel.
  std::vector<std::string> names;      ///< our metrics that it may be, the likeliest first
  std::string display, note;           ///< note: what is uncertain about the correspondence
};

/// Where the data files lie.
std::filesystem::path published_folder();

/// The tables of an experiment, in the order of experiments.csv; none if it has none. Throws UserError(kInput), naming
/// file and line, on a file that is gone or damaged.
std::vector<PublishedTable> published_tables(const std::string& experiment, const std::filesystem::path& folder);
std::vector<PublishedMetric> published_metrics(const std::filesystem::path& folder);

/// A number of ours and the published one.
struct PublishedPair {
  std::string method, budget, metric;  ///< budget as printed; metric as displayed
  std::string paper;                   ///< PublishedTable::name
  TableCell ours;                      ///< NaN where only the paper has it
  double published = 0;                ///< NaN where only we have it
  std::string status;
};

/// Everything that either side has, for the rows (method and share of the pool, which may differ by 2 %) and columns of
/// both.
std::vector<PublishedPair> pair_with_published(const Table& table, const std::vector<PublishedTable>& published,
                                               const std::vector<PublishedMetric>& metrics);

/// For each method and budget a row of ours, one of each paper and the difference with our interval.
Grid published_grid(const Table& table, const std::vector<PublishedTable>& published,
                    const std::vector<PublishedMetric>& metrics);

/// Long form, unrounded: regime,method,budget,metric,paper,ours,low,high,published,status.
std::string published_csv(const std::string& regime, const std::vector<PublishedPair>& pairs, bool header);

}  // namespace scalselect::report
