// What every selection method is: the features that it needs, and a function that turns them into rows of the pool.
//
// Ranking methods give each row a score (ScalSelect, length, perplexity); set methods build the subset themselves,
// greedily or by cluster (k-center, facility location). `choose` (selector/choose.h) is the one caller: it opens the
// tables, says which rows may be chosen, and checks the answer.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "selector/constraints.h"
#include "selector/features.h"

namespace scalselect {

class Pool;

/// How the result changes with the budget, so that a sweep over budgets repeats no work.
enum class BudgetUse {
  kScores,  ///< budget-free scores: every budget is a prefix of one ranking
  kPrefix,  ///< greedy order: a smaller budget is a prefix of a larger one's result
  kEach,    ///< each budget is solved separately
  kAll,     ///< takes every row that can be chosen, whatever the budget
};

/// A second, small pool that represents what the model should be good at (dev samples of benchmarks). Nothing of it is
/// ever chosen.
struct TargetInput {
  std::vector<FeatureTable> features;  ///< parallel to Method::target_needs; rows count in the target pool
  std::vector<std::int64_t> rows;      ///< target samples with every feature, ascending; at least one
  std::vector<std::string> tasks;  ///< by row of the target pool: the sample's `source`; empty text where it has none
};

struct MethodInput {
  std::int64_t pool_size = 0;
  std::vector<FeatureTable> features;    ///< parallel to Method::needs
  std::vector<std::int64_t> candidates;  ///< rows that may be chosen, ascending; all rows with every needed feature
  std::uint64_t seed = 0;
  std::optional<TargetInput> target;  ///< empty without a target pool, and for methods without target_needs
  TextOnlyRows text_only;             ///< for `choose` alone: never among the candidates
  Constraints constraints;            ///< for `choose` alone
  std::vector<std::int64_t> listed;   ///< the candidates in the order of Method::list; empty for methods without one
};

struct SelectionResult {
  /// Chosen rows, best or first-chosen first. Empty: the rows of the largest `scores` are meant (see top_rows).
  std::vector<std::int64_t> rows;
  std::vector<double> scores;  ///< pool_size long, NaN where there is none; empty for methods without scores
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();  ///< what a report may show: k, energy, spectrum...
};

/// A method with its options applied.
struct Method {
  std::string name = {};  ///< as in the registry, for messages
  std::vector<FeatureSpec> needs = {};
  BudgetUse budget_use = BudgetUse::kScores;
  bool uses_seed = false;
  /// Features of the target pool's samples, in their own order and not necessarily those of `needs`. Empty: the method
  /// ignores a target pool.
  std::vector<FeatureSpec> target_needs = {};
  bool requires_target = false;  ///< must be given a target pool
  /// For a choice that was made elsewhere: the rows that it names, in its order, of a pool of `pool_size` rows (null
  /// where only its table is known). They alone become candidates.
  std::function<std::vector<std::int64_t>(const Pool* pool, std::int64_t pool_size)> list = {};
  std::map<std::string, std::string> files = {};  ///< options that name files, with their paths: read by content
  /// Chooses `budget` rows (1 <= budget <= candidates.size()), or scores all. The same rows for any number
  /// of threads; ties go to the lower row. With BudgetUse::kScores the budget must not matter.
  std::function<SelectionResult(const MethodInput& input, std::int64_t budget)> select;
};

/// `values`, parallel to `rows`, by pool row; NaN for all other rows.
std::vector<double> by_pool_row(const std::vector<std::int64_t>& rows, const std::vector<double>& values,
                                std::int64_t pool_size);

/// Those of `candidates` that have a score.
std::vector<std::int64_t> scored_rows(const std::vector<double>& scores, const std::vector<std::int64_t>& candidates);

/// The `budget` best of `candidates` by (score descending, row ascending). Rows without a score (NaN) are never chosen:
/// UserError(kInput) with both numbers if fewer than `budget` rows have one.
std::vector<std::int64_t> top_rows(const std::vector<double>& scores, const std::vector<std::int64_t>& candidates,
                                   std::int64_t budget);

}  // namespace scalselect
