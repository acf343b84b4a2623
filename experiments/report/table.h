// The main table: a row a method and budget, a column a benchmark, relative performance with its interval.
#pragma once

#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "experiments/report/collect.h"

namespace scalselect::report {

struct TableCell {
  double mean = 0, std = 0;  ///< over seeds; std is NaN with one seed
};

struct TableRow {
  std::string method, budget;  ///< "scalselect", "16 %"
  double share = 1;            ///< the budget as a part of the pool, 0..1
  std::int64_t seeds = 0, steps = 0;
  std::vector<TableCell> cells;  ///< parallel to Table::columns
  eval::Estimate relative;       ///< Rel. %
  double relative_std = 0;       ///< over seeds; NaN with one
  double above_chance = 0;       ///< Rel. with chance levels taken off
  eval::Estimate against;        ///< difference of Rel. to the reference at the same budget; NaN where there is none
  double skills = 0;             ///< mean accuracy over skills, percent
};

struct Table {
  std::string regime;     ///< "epochs" or "steps"
  std::string reference;  ///< the method that rows are compared with
  std::vector<eval::Metric> columns;
  std::vector<TableRow> rows;
  std::vector<double> chance;  ///< parallel to columns
};

/// One table a regime. Throws UserError(kInput) if a regime lacks the full-data row, UserError(kUsage) if `reference`
/// is not random and no run of the experiment is one of that method.
std::vector<Table> make_tables(const Collection& collection, const std::string& reference = "random",
                               const eval::BootstrapOptions& options = {});

/// Fixed-width text for a terminal.
std::string table_text(const Table& table);
std::string table_markdown(const Table& table);
/// booktabs; `command` goes into a comment on top.
std::string table_latex(const Table& table, const std::string& command);
/// Long form, unrounded: regime,method,budget,seed,benchmark,metric,value,chance,run_id.
std::string table_csv(const Collection& collection);
/// What each selection took beyond the features it reads, and how often the model ran for these; Markdown. Means over
/// seeds of what the computation took when it was made, not of a look into the cache.
std::string costs_markdown(const Collection& collection, const std::string& regime);
/// Accuracy by skill: a column a skill, a row a method and budget, below rows of chance and majority; Markdown, empty
/// without skills.
std::string skills_markdown(const Collection& collection, const std::string& regime);

}  // namespace scalselect::report
