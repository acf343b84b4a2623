// The one selection that all commands and the pipeline share: they open their tables, call this, and write the result.
// What a budget means, which rows may be chosen and whether a method's answer is valid is decided here alone.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/pool.h"
#include "selector/budget.h"
#include "selector/method.h"

namespace scalselect {

/// The rows that a selection is made from.
struct RowSet {
  std::string name;                  ///< the pool's (or table's) file, for messages
  std::int64_t size = 0;             ///< of the pool, excluded and rejected rows among them
  std::vector<std::int64_t> usable;  ///< rows that were neither rejected when the file was read nor excluded, ascending
  std::vector<std::int64_t> text_only = {};  ///< those of them without a picture; empty without a pool
  Constraints constraints = {};
  const Pool* pool = nullptr;  ///< for methods with a list; null without a pool

  /// A share is a share of these.
  std::int64_t counted() const { return size - std::ssize(constraints.excluded); }
};

RowSet rows_of_pool(const Pool& pool);

/// Opens the table of a feature.
using TableSource = std::function<FeatureTable(const FeatureSpec& spec)>;

/// A target pool and its features.
struct TargetSource {
  RowSet rows;
  std::vector<std::string> tasks;  ///< see TargetInput::tasks
  TableSource tables;
};

/// Throws UserError(kUsage) if the method requires a target and none is `given`: known before any pass of a model.
void require_target(const Method& method, bool given);

/// Throws UserError(kUsage) if the constraints of `rows` cannot be met within `budget`, or leave the method nothing to
/// choose, or would add rows to its list: known before any pass.
void check_constraints(const Method& method, const RowSet& rows, const Budget& budget);

/// What the method reads: the tables of its needs, without excluded rows, and as candidates the usable rows that every
/// table holds, without those that `text_only` decides about and those that its list, if it has one, does not name;
/// listed rows that cannot be used are counted in a warning, with reasons. `target`: may be null; not opened for
/// methods that have no use for it. Throws what `tables` throws, and UserError(kUsage) if the method requires a target
/// and none is given, UserError(kInput) if no row of the pool, or of the target, is left.
MethodInput open_input(const Method& method, const RowSet& rows, const TableSource& tables, std::uint64_t seed,
                       const TargetSource* target = nullptr);

struct Selection {
  /// Exactly the budget's, unique, within the constraints; candidates, best or first-chosen first, then the rows that
  /// were taken beforehand: those of must_keep, and those of MethodInput::text_only.
  std::vector<std::int64_t> rows;
  std::vector<double> scores;  ///< as SelectionResult::scores
  nlohmann::ordered_json facts;
  std::int64_t usable = 0;  ///< rows that could have been chosen: candidates, of rankings those with a score
};

/// Rows that `budget` means for this method and input: Budget::rows of the pool, or with BudgetUse::kAll everything
/// that can be chosen. Throws UserError(kUsage), with both numbers, if that is more than can be chosen.
std::int64_t rows_for(const Method& method, const MethodInput& input, const Budget& budget);

/// The scores of a BudgetUse::kScores method, to be chosen from for several budgets.
SelectionResult score_candidates(const Method& method, const MethodInput& input);

/// Applies the method and checks its answer. What the constraints do not admit is left out and chosen anew among the
/// rows that they still admit, until the budget is met; a ranking is walked from its top. Rows of must_keep and those
/// that text_only takes are in it even beyond a cap or with one picture twice, with a warning. `scored`: the result of
/// score_candidates, where it is known already. Throws as rows_for; UserError(kUsage) if the method did not find that
/// many rows, fewer have a score, or the constraints admit fewer;
/// InternalError for an answer that breaks the promises of Selection::rows.
Selection choose(const Method& method, const MethodInput& input, const Budget& budget,
                 const std::optional<SelectionResult>& scored = {});

}  // namespace scalselect
