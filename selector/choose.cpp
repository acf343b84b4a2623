#include "selector/choose.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/check.h"
#include "core/error.h"
#include "core/log.h"

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

std::vector<std::int64_t> without(const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& others) {
  std::vector<std::int64_t> left;
  std::set_difference(rows.begin(), rows.end(), others.begin(), others.end(), std::back_inserter(left));
  return left;
}

/// Rows without a picture that are chosen beside the method's.
std::vector<std::int64_t> text_rows(const Method& method, const MethodInput& input, const Budget& budget) {
  const auto& text = input.text_only;
  if (method.budget_use != BudgetUse::kAll) return text.chosen(budget.rows(input.pool_size), input.pool_size);
  return text.policy == TextOnly::kDrop ? std::vector<std::int64_t>() : text.rows;
}

[[noreturn]] void refuse_few(std::int64_t requested, std::int64_t usable, const MethodInput& input, const char* what) {
  throw UserError(
      ErrorKind::kUsage,
      fmt::format("The budget is {} of {} rows, but only {} {}.", requested, input.pool_size, usable, what),
      input.text_only.policy == TextOnly::kShare
          ? "Lower the budget; rejected rows are listed with their reasons."
          : fmt::format("Lower the budget to at most {}; rejected rows are listed with their reasons.", usable));
}

/// Rows that can be chosen by their scores. Throws UserError(kUsage) if the budget asks for more.
std::int64_t require_scores(const Method& method, const MethodInput& input, const Budget& budget,
                            const std::vector<std::int64_t>& text, const std::vector<double>& scores) {
  const auto usable = std::ssize(scored_rows(scores, input.candidates)) + std::ssize(text);
  const auto requested = method.budget_use == BudgetUse::kAll ? usable : budget.rows(input.pool_size);
  if (requested > usable) refuse_few(requested, usable, input, "have a score");
  return usable;
}

void require_pictures(const RowSet& rows) {
  if (rows.text_only.size() < rows.usable.size()) return;
  throw UserError(
      ErrorKind::kUsage,
      fmt::format("None of the usable rows of '{}' has a picture, and text_only leaves no others to choose.",
                  rows.name),
      "Use text_only=auto.");
}

TargetInput open_target(const Method& method, const TargetSource& target) {
  TargetInput input;
  input.features = open_tables(method.target_needs, target.tables);
  input.rows = candidates_of(target.rows, input.features);
  input.tasks = target.tasks;
  return input;
}

/// A list is the choice, also of rows without a picture.
void require_own_text_rows(const Method& method, TextOnly text_only) {
  if (!method.list || method.budget_use != BudgetUse::kAll) return;
  if (text_only == TextOnly::kAuto || text_only == TextOnly::kDrop) return;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("The list of method '{}' says which samples without a picture are chosen, and this "
                              "text_only would add others.",
                              method.name),
                  "Use text_only=auto or text_only=drop.");
}

std::string why_unusable(const RowSet& rows, const MethodInput& input, std::int64_t row) {
  const auto reason = rows.pool == nullptr ? std::string() : rows.pool->reject_reason(row);
  if (!reason.empty()) return reason;
  const auto& text = input.text_only.rows;
  return std::binary_search(text.begin(), text.end(), row) ? "no picture" : "no vector";
}

/// Leaves the candidates that the method's list names.
void keep_listed(const Method& method, const RowSet& rows, MethodInput& input) {
  constexpr std::int64_t kShown = 3;
  const auto listed = method.list(rows.pool, rows.size);
  std::string examples;
  std::int64_t left = 0;
  for (const auto row : listed) {
    if (std::binary_search(input.candidates.begin(), input.candidates.end(), row)) {
      input.listed.push_back(row);
    } else if (left++ < kShown) {
      examples += fmt::format("{}row {} ({})", examples.empty() ? "" : ", ", row, why_unusable(rows, input, row));
    }
  }
  const auto what = fmt::format("{} of the {} rows that the list names cannot be used of '{}': {}{}", left,
                                listed.size(), rows.name, examples, left > kShown ? ", …" : "");
  if (input.listed.empty()) throw UserError(ErrorKind::kInput, what + ".", "Give the pool that it was chosen from.");
  if (left > 0) log_warning("{}; they are left out", what);
  input.candidates = input.listed;
  std::sort(input.candidates.begin(), input.candidates.end());
}

void check_rows(const std::vector<std::int64_t>& rows, const MethodInput& input) {
  auto sorted = rows;
  std::sort(sorted.begin(), sorted.end());
  SCALSELECT_CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
  SCALSELECT_CHECK(std::includes(input.candidates.begin(), input.candidates.end(), sorted.begin(), sorted.end()));
}

}  // namespace

RowSet rows_of_pool(const Pool& pool) {
  RowSet rows{pool.file().string(), pool.size(), {}, {}, &pool};
  for (std::int64_t row = 0; row < pool.size(); ++row) {
    if (!pool.reject_reason(row).empty()) continue;
    rows.usable.push_back(row);
    if (pool.sample(row).images.empty()) rows.text_only.push_back(row);
  }
  return rows;
}

void require_target(const Method& method, bool given) {
  if (given || !method.requires_target) return;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("Method '{}' chooses samples for a target, and no target is given.", method.name),
                  "Give a pool of target samples: target.path=POOL.json, or target=mini.");
}

void check_text_only(const Method& method, const RowSet& rows, const Budget& budget, TextOnly text_only) {
  require_own_text_rows(method, text_only);
  if (text_only == TextOnly::kAuto) return;
  require_pictures(rows);
  if (method.budget_use == BudgetUse::kAll) return;
  TextOnlyRows{text_only, rows.text_only, 0}.chosen(budget.rows(rows.size), rows.size);
}

MethodInput open_input(const Method& method, const RowSet& rows, const TableSource& tables, std::uint64_t seed,
                       const TargetSource* target, TextOnly text_only) {
  require_target(method, target != nullptr);
  require_own_text_rows(method, text_only);
  MethodInput input;
  input.pool_size = rows.size;
  input.features = open_tables(method.needs, tables);
  input.seed = seed;
  auto ranked = rows;
  if (text_only != TextOnly::kAuto) {
    require_pictures(rows);
    input.text_only = {text_only, rows.text_only, seed};
    ranked.usable = without(rows.usable, rows.text_only);
  }
  input.candidates = candidates_of(ranked, input.features);
  if (method.list) keep_listed(method, rows, input);
  if (target != nullptr && !method.target_needs.empty()) input.target = open_target(method, *target);
  return input;
}

std::int64_t rows_for(const Method& method, const MethodInput& input, const Budget& budget) {
  const auto usable = std::ssize(input.candidates) + std::ssize(text_rows(method, input, budget));
  if (method.budget_use == BudgetUse::kAll) return usable;
  const auto requested = budget.rows(input.pool_size);
  if (requested > usable) refuse_few(requested, usable, input, "can be used by this method");
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
  const auto text = text_rows(method, input, budget);
  if (scored) require_scores(method, input, budget, text, scored->scores);
  const auto whole = rows_for(method, input, budget);
  const auto requested = whole - std::ssize(text);  // of the method
  auto result = scored ? *scored : method.select(input, requested);
  Selection selection{std::move(result.rows), std::move(result.scores), std::move(result.facts),
                      std::ssize(input.candidates) + std::ssize(text)};
  if (selection.rows.empty() && !selection.scores.empty()) {
    SCALSELECT_CHECK(std::ssize(selection.scores) == input.pool_size);
    selection.usable = require_scores(method, input, budget, text, selection.scores);
    selection.rows = top_rows(selection.scores, input.candidates, requested);
    selection.facts["lowest_score"] = selection.scores[static_cast<std::size_t>(selection.rows.back())];
  }
  check_rows(selection.rows, input);
  if (std::ssize(selection.rows) != requested) {
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("The method chose {} of the {} rows that the budget asks of it.", selection.rows.size(), requested),
        "Relax the options of the method that leave rows out, or lower the budget.");
  }
  selection.rows.insert(selection.rows.end(), text.begin(), text.end());
  if (input.text_only.policy != TextOnly::kAuto) selection.facts["text_only"] = text.size();
  return selection;
}

}  // namespace scalselect
