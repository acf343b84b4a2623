// What every selection method is: it names the features that it needs, and turns them into rows of the pool.
//
// Ranking methods give each row a score that does not depend on the budget (ScalSelect, length, perplexity); set
// methods build the subset itself, greedily or by cluster (k-center, facility location). The planner gathers `needs()`
// of all methods of a sweep, runs the model once, and calls the methods with the tables.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "selector/features.h"

namespace scalselect {

/// How the result changes with the budget, so that a sweep over budgets repeats no work.
enum class BudgetUse {
  kScores,  ///< budget-free scores: every budget is a prefix of one ranking
  kPrefix,  ///< greedy order: a smaller budget is a prefix of a larger one's result
  kEach,    ///< each budget is a problem of its own
};

/// A second, small pool that stands for what the model shall be good at (dev samples of benchmarks). Nothing of it is
/// ever chosen.
struct TargetInput {
  std::vector<FeatureTable> features;  ///< parallel to target_needs(); rows count in the target pool
  std::vector<std::int64_t> rows;      ///< target samples with every feature, ascending; at least one
  std::vector<std::string> tasks;  ///< by row of the target pool: the sample's `source`; empty text where it has none
};

struct MethodInput {
  std::int64_t pool_size = 0;
  std::vector<FeatureTable> features;    ///< parallel to needs()
  std::vector<std::int64_t> candidates;  ///< rows that may be chosen, ascending; all rows with every needed feature
  std::uint64_t seed = 0;
  std::optional<TargetInput> target;  ///< empty without a target pool, and for methods without target_needs()
};

struct SelectionResult {
  std::vector<std::int64_t> rows;  ///< chosen rows, best or first-chosen first
  std::vector<double> scores;      ///< pool_size long, NaN where there is none; empty for methods without scores
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();  ///< what a report may show: k, energy, spectrum...
};

class SelectionMethod {
 public:
  virtual ~SelectionMethod() = default;
  virtual std::vector<FeatureSpec> needs() const = 0;
  virtual BudgetUse budget_use() const = 0;
  virtual bool uses_seed() const = 0;
  /// Features of the target pool's samples, in their own order and not necessarily those of needs(). Empty: the method
  /// has no use for a target pool, and one that is given changes nothing.
  virtual std::vector<FeatureSpec> target_needs() const { return {}; }
  /// Whether the method cannot do without a target pool.
  virtual bool requires_target() const { return false; }
  /// Chooses `budget` rows (1 <= budget <= candidates.size()). Deterministic in its arguments, whatever the number of
  /// threads; ties by ascending row.
  virtual SelectionResult select(const MethodInput& input, std::int64_t budget) const = 0;
};

/// The `budget` best of `candidates` by (score descending, row ascending). NaN scores are never chosen:
/// UserError(kInput) if fewer than `budget` rows have a score.
std::vector<std::int64_t> top_rows(const std::vector<double>& scores, const std::vector<std::int64_t>& candidates,
                                   std::int64_t budget);

}  // namespace scalselect
