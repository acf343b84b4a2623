// The main table: one row per method and budget, one column per benchmark, relative performance with its interval.
#pragma once

#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "experiments/report/collect.h"
#include "experiments/report/grid.h"
#include "experiments/report/measures.h"
#include "experiments/report/significance.h"

namespace scalselect::report {

struct TableRow {
  std::string method, budget;  ///< "scalselect", "16 %"
  double share = 1;            ///< the budget as a part of the pool, 0..1
  std::int64_t seeds = 0, steps = 0;
  std::vector<TableCell> cells;  ///< parallel to Table::columns
  eval::Estimate relative;       ///< Rel. %
  double relative_std = 0;       ///< over seeds; NaN with one
  double above_chance = 0;       ///< Rel. with chance levels taken off
  double geometric = 0;          ///< geometric mean of the ratios
  bool complete = true;          ///< every question was answered, in all seeds
  eval::Estimate against;        ///< difference of Rel. to the reference at the same budget; NaN where there is none
  double skills = 0;             ///< mean accuracy over skills, percent
  std::string machines;          ///< letters of the machines that its runs were made on: "A", "A, B"
};

struct Table {
  std::string regime;     ///< "epochs" or "steps"
  std::string reference;  ///< the method that rows are compared with
  std::vector<eval::Metric> columns;
  std::vector<ColumnOrigin> origins;  ///< parallel to columns
  std::vector<TableRow> rows;
  std::vector<double> chance, majority;            ///< parallel to columns
  std::vector<std::string> left_out;               ///< columns that Rel. leaves out, since the full pool scored 0 there
  std::vector<std::string> left_out_above_chance;  ///< columns that Rel. above chance leaves out: full scored chance
  double level = 0.95;                             ///< coverage of the intervals
  std::vector<Comparison> comparisons;             ///< against the reference if it was run, and against full
  Measures measures;                               ///< rows parallel to `rows`
  std::vector<std::string> warnings;               ///< incomplete, hard to read
};

/// One table per regime. Throws UserError(kInput) if a regime lacks the full-data row, UserError(kUsage) if `reference`
/// is not random and no run of the experiment is one of that method.
std::vector<Table> make_tables(const Collection& collection, const std::string& reference = "random",
                               const eval::BootstrapOptions& options = {});

/// The table as it is printed, with notes on what is left out or undefined. Values are ranked as printed, within a
/// budget and without the full pool: all that equal the best one are marked best, all that equal the next value
/// second, if something is below.
Grid table_grid(const Table& table);
/// What each selection took beyond the features it reads, and how often the model ran for these. Means over seeds of
/// what the computation took when it was made, not of a cache lookup.
Grid costs_grid(const Collection& collection, const std::string& regime);
/// Accuracy by skill: one column per skill, one row per method and budget, below rows of chance and majority; no rows
/// without skills.
Grid skills_grid(const Collection& collection, const std::string& regime);
/// Long form, unrounded: regime,method,budget,seed,benchmark,metric,value,chance,run_id.
std::string table_csv(const Collection& collection);

}  // namespace scalselect::report
