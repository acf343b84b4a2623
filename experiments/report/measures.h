// The other numbers of each benchmark, beside those that the main table shows: F1 and accuracy of POPE, points and
// plain accuracy of MME, MMBench without its rotations.
#pragma once

#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "experiments/report/collect.h"
#include "experiments/report/grid.h"

namespace scalselect::report {

struct TableCell {
  double mean = 0, std = 0;  ///< over seeds; std is NaN with one seed
  eval::Interval interval;   ///< of the mean: paired bootstrap over questions and seeds
};

/// Which benchmark a column belongs to.
struct ColumnOrigin {
  std::string benchmark, kind, language;
};

/// Columns that are not in the main table; the main table's own where a benchmark has more to show.
struct Measures {
  std::vector<eval::Metric> columns;
  std::vector<ColumnOrigin> origins;          ///< parallel to columns
  std::vector<std::vector<TableCell>> cells;  ///< one row per method and budget, in the order of the runs
};

/// Where each column of the main table comes from.
std::vector<ColumnOrigin> column_origins(const ReportRun& run);

/// Intervals with a fifth of the options' replicates, which is enough to read them.
Measures make_measures(const Collection& collection, const std::string& regime, const eval::BootstrapOptions& options);

/// `names`: of the rows. No rows if there are no measures.
Grid measures_grid(const Measures& measures, const std::vector<std::string>& names);

/// "33.8 ± 1.2", "33.8" with one seed, "–" where there is none.
std::string cell_text(const TableCell& cell);

}  // namespace scalselect::report
