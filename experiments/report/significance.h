// What a table's differences are worth: paired tests for every method and column, and what was resolved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "experiments/report/collect.h"
#include "experiments/report/grid.h"

namespace scalselect::report {

/// A method against another on one column.
struct ColumnTest {
  std::string label;   ///< "scalselect 16 %"
  std::string column;  ///< as it is printed
  eval::Estimate difference;
  PairedAnswers answers;  ///< sums over the pairs of runs with the same seed
  std::int64_t pairs = 0;
  double mcnemar = 1;  ///< mid-p; NaN with several pairs, whose answers are not independent
  bool by_mcnemar =
      false;  ///< `p` is McNemar's; else the bootstrap's: an image has several questions, or several seeds
  double p = 1, adjusted = 1;
  double detectable = 0;  ///< smallest true difference that is found with 80 % power, in the column's unit
};

/// A method against another on Rel.
struct Resolution {
  std::string label;
  std::int64_t seeds = 0;  ///< of the one that has fewer
  eval::Estimate difference;
  double adjusted = 1;
  bool resolved = false;
  double detectable = 0;
  std::optional<std::int64_t> seeds_for_point;  ///< with the same questions; nothing: no number of seeds is enough
  std::optional<double> questions_for_point;    ///< times the questions of this run, with the same seeds
};

/// Everything against one method. p values are adjusted after Holm: of `tests` over methods and columns, of
/// `resolutions` over methods.
struct Comparison {
  std::string against;  ///< "full", or a method that is compared with at the same budget
  double level = 0.95;
  std::vector<ColumnTest> tests;
  std::vector<Resolution> resolutions;
};

/// The rows of the regime against `against`; those of `against` itself and, unless it is full, the full pool are left
/// out, and so are budgets at which it has no runs.
Comparison compare_with(const Collection& collection, const std::string& regime, const std::string& against,
                        const eval::PairedBootstrap& bootstrap, const eval::BootstrapOptions& options);

/// What was resolved, with a sentence that says what it would have taken.
Grid resolution_grid(const Comparison& comparison);
/// Every test; the foot says which p is whose.
Grid tests_grid(const Comparison& comparison);
/// Long form, unrounded: regime,against,method,column,difference,low,high,n10,n01,... `comparisons` are of one regime.
std::string tests_csv(const std::string& regime, const std::vector<Comparison>& comparisons, bool header);

}  // namespace scalselect::report
