#include "selector/choose.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/check.h"
#include "core/error.h"

namespace scalselect {
namespace {

std::vector<FeatureTable> open_tables(const std::vector<FeatureSpec>& specs, const TableSource& source) {
  std::vector<FeatureTable> tables;
  for (const auto& spec : specs) tables.push_back(source(spec));
  return tables;
}

/// Usable rows that every table holds.
std::vector<std::int64_t> candidates_of(const RowSet& rows, const std::vector<FeatureTable>& tables) {
  auto candidates = rows.usable;
  for (const auto& table : tables) {
    std::vector<std::int64_t> both;
    std::set_intersection(candidates.begin(), candidates.end(), table.rows.begin(), table.rows.end(),
                          std::back_inserter(both));
    candidates = std::move(both);
  }
  if (candidates.empty()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("None of the {} rows of '{}' can be used: all were rejected.", rows.size, rows.name),
                    "See the list of rejected rows for the reasons.");
  }
  return candidates;
}

TargetInput open_target(const Method& method, const TargetSource& target) {
  TargetInput input;
  input.features = open_tables(method.target_needs, target.tables);
  input.rows = candidates_of(target.rows, input.features);
  input.tasks = target.tasks;
  return input;
}

[[noreturn]] void refuse_few(std::int64_t requested, std::int64_t usable, const MethodInput& input, const char* what) {
  throw UserError(ErrorKind::kUsage,
                  fmt::format("The budget is {} of {} rows, but only {} {}.", requested, input.pool_size, usable, what),
                  fmt::format("Lower the budget to at most {}; rejected rows are listed with their reasons.", usable));
}

void check_rows(const std::vector<std::int64_t>& rows, const MethodInput& input) {
  auto sorted = rows;
  std::sort(sorted.begin(), sorted.end());
  SCALSELECT_CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
  SCALSELECT_CHECK(std::includes(input.candidates.begin(), input.candidates.end(), sorted.begin(), sorted.end()));
}

}  // namespace

RowSet rows_of_pool(const Pool& pool) {
  RowSet rows{pool.file().string(), pool.size(), {}};
  for (std::int64_t row = 0; row < pool.size(); ++row) {
    if (pool.reject_reason(row).empty()) rows.usable.push_back(row);
  }
  return rows;
}

MethodInput open_input(const Method& method, const RowSet& rows, const TableSource& tables, std::uint64_t seed,
                       const TargetSource* target) {
  SCALSELECT_CHECK(!method.requires_target || target != nullptr);
  MethodInput input;
  input.pool_size = rows.size;
  input.features = open_tables(method.needs, tables);
  input.candidates = candidates_of(rows, input.features);
  input.seed = seed;
  if (target != nullptr && !method.target_needs.empty()) input.target = open_target(method, *target);
  return input;
}

std::int64_t rows_for(const Method& method, const MethodInput& input, const Budget& budget) {
  if (method.budget_use == BudgetUse::kAll) return std::ssize(input.candidates);
  const auto requested = budget.rows(input.pool_size);
  if (requested > std::ssize(input.candidates)) {
    refuse_few(requested, std::ssize(input.candidates), input, "can be used by this method");
  }
  return requested;
}

SelectionResult score_candidates(const Method& method, const MethodInput& input) {
  SCALSELECT_CHECK(method.budget_use == BudgetUse::kScores);
  auto result = method.select(input, std::ssize(input.candidates));
  SCALSELECT_CHECK(result.rows.empty() && std::ssize(result.scores) == input.pool_size);
  return result;
}

Selection choose(const Method& method, const MethodInput& input, const Budget& budget,
                 const std::optional<SelectionResult>& scored) {
  const auto requested = rows_for(method, input, budget);
  auto result = scored ? *scored : method.select(input, requested);
  Selection selection{std::move(result.rows), std::move(result.scores), std::move(result.facts),
                      std::ssize(input.candidates)};
  if (selection.rows.empty() && !selection.scores.empty()) {
    SCALSELECT_CHECK(std::ssize(selection.scores) == input.pool_size);
    selection.usable = std::ssize(scored_rows(selection.scores, input.candidates));
    if (requested > selection.usable) refuse_few(requested, selection.usable, input, "have a score");
    selection.rows = top_rows(selection.scores, input.candidates, requested);
    selection.facts["lowest_score"] = selection.scores[static_cast<std::size_t>(selection.rows.back())];
  }
  check_rows(selection.rows, input);
  if (std::ssize(selection.rows) != requested) {
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("The method chose {} of the {} rows that the budget asks for.", selection.rows.size(), requested),
        "Relax the options of the method that leave rows out, or lower the budget.");
  }
  return selection;
}

}  // namespace scalselect
