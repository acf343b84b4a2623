#include "selector/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/check.h"
#include "core/error.h"
#include "core/log.h"
#include "core/sorted_rows.h"
#include "selector/methods_choice.h"
#include "selector/rows.h"

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
  for (const auto& table : tables) candidates = common(candidates, table.rows);
  if (candidates.empty()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("None of the {} rows of '{}' can be used: all were rejected.", rows.size, rows.name),
                    "See the list of rejected rows for the reasons.");
  }
  return candidates;
}

/// A share is a share of these.
std::int64_t counted(const MethodInput& input) { return input.pool_size - std::ssize(input.constraints.excluded); }

/// Rows that are in the subset whatever the method says, ascending.
std::vector<std::int64_t> reserved_rows(const Method& method, const MethodInput& input, const Budget& budget) {
  const auto& text = input.text_only;
  std::vector<std::int64_t> chosen;
  if (method.budget_use != BudgetUse::kAll) chosen = text.chosen(budget.rows(counted(input)), counted(input));
  else if (text.policy != TextOnly::kDrop) chosen = text.rows;
  return united(chosen, input.constraints.must_keep);
}

[[noreturn]] void refuse_few(std::int64_t requested, std::int64_t usable, const MethodInput& input, const char* what) {
  throw UserError(
      ErrorKind::kUsage,
      fmt::format("The budget is {} of {} rows, but only {} {}.", requested, counted(input), usable, what),
      input.text_only.policy == TextOnly::kShare
          ? "Lower the budget; rejected rows are listed with their reasons."
          : fmt::format("Lower the budget to at most {}; rejected rows are listed with their reasons.", usable));
}

/// Rows that can be chosen by their scores. Throws UserError(kUsage) if the budget asks for more.
std::int64_t require_scores(const Method& method, const MethodInput& input, const Budget& budget,
                            const std::vector<std::int64_t>& reserved, const std::vector<double>& scores) {
  const auto usable = std::ssize(united(scored_rows(scores, input.candidates), reserved));
  const auto requested = method.budget_use == BudgetUse::kAll ? usable : budget.rows(counted(input));
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

void require_floors(const std::vector<Constraints::Limit>& sources, std::int64_t requested) {
  std::int64_t floors = 0;
  for (const auto& [limit, rows] : sources) {
    const auto floor = limit.floor_rows(requested), cap = limit.cap_rows(requested);
    floors += floor;
    if (floor <= std::min(std::ssize(rows), cap)) continue;
    const auto most = std::ssize(rows) < cap
                          ? fmt::format("only {} usable rows come from it", rows.size())
                          : fmt::format("{} is {}", limit.cap && cap < requested ? "its cap" : "the budget", cap);
    throw UserError(ErrorKind::kUsage,
                    fmt::format("The floor of source '{}' is {} rows, but {}.", limit.source, floor, most),
                    "Lower the floor in sources.");
  }
  if (floors > requested) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("The floors in sources add up to {} rows, but the budget is {}.", floors, requested),
                    "Lower the floors, or raise the budget.");
  }
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
  auto reason = rows.pool == nullptr ? std::string() : rows.pool->reject_reason(row);
  if (!reason.empty()) return reason;
  const auto& excluded = rows.constraints.excluded;
  if (std::binary_search(excluded.begin(), excluded.end(), row)) return "excluded";
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

/// Without the rows that are excluded, so that no method's statistics see them.
FeatureTable without_rows(FeatureTable table, const std::vector<std::int64_t>& excluded) {
  std::vector<std::int64_t> kept, positions;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (std::binary_search(excluded.begin(), excluded.end(), table.rows[i])) continue;
    kept.push_back(table.rows[i]);
    positions.push_back(static_cast<std::int64_t>(i));
  }
  if (kept.size() == table.rows.size()) return table;
  return {some_rows(table.vectors, std::move(positions)), std::move(kept)};
}

[[noreturn]] void refuse_answer(std::int64_t chosen, std::int64_t requested, bool constrained) {
  if (constrained) {
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("The constraints leave {} of the {} rows that the budget asks of the method.", chosen, requested),
        "Lower the budget, or relax sources or one_per_picture.");
  }
  throw UserError(ErrorKind::kUsage,
                  fmt::format("The method chose {} of the {} rows that the budget asks of it.", chosen, requested),
                  "Relax the options of the method that leave rows out, or lower the budget.");
}

[[noreturn]] void refuse_floors(std::int64_t total) {
  throw UserError(ErrorKind::kUsage,
                  fmt::format("The floors in sources cannot be met in {} rows with the other constraints and the rows "
                              "that this method can choose.",
                              total),
                  "Lower the floors, raise the budget, or relax must_keep, text_only or one_per_picture.");
}

[[noreturn]] void refuse_reserved(std::int64_t reserved, std::int64_t total) {
  throw UserError(ErrorKind::kUsage,
                  fmt::format("must_keep and text_only name {} rows, but the budget is {} rows.", reserved, total),
                  "Raise the budget, shorten the list, or use text_only=auto.");
}

/// Rows that the user names, or text_only takes, go before caps and one_per_picture: where they break these, the user
/// is told.
void warn_of_broken_limits(const Constraints& constraints, const std::vector<std::int64_t>& reserved,
                           std::int64_t total) {
  for (const auto& [limit, rows] : constraints.sources) {
    const auto taken = std::ssize(common(reserved, rows)), cap = limit.cap_rows(total);
    if (taken <= cap) continue;
    log_warning("must_keep and text_only take {} rows of source '{}', whose cap is {}: all of them are in the subset",
                taken, limit.source, cap);
  }
  std::set<std::int32_t> used;
  std::int64_t repeated = 0;
  for (const auto row : reserved) {
    bool again = false;
    for (const auto picture : constraints.pictures_of(row)) again = !used.insert(picture).second || again;
    repeated += again ? 1 : 0;
  }
  if (repeated == 0) return;
  log_warning(
      "{} rows of must_keep have a picture that another of them has: all of them are in the subset, against "
      "one_per_picture",
      repeated);
}

void note_reserved(const std::vector<std::int64_t>& reserved, const MethodInput& input, nlohmann::ordered_json& facts) {
  if (!input.constraints.must_keep.empty()) facts["must_keep"] = input.constraints.must_keep.size();
  if (input.text_only.policy != TextOnly::kAuto)
    facts["text_only"] = reserved.size() - without(reserved, input.text_only.rows).size();
}

}  // namespace

RowSet rows_of_pool(const Pool& pool) {
  RowSet rows{pool.file().string(), pool.size(), {}, {}, {}, &pool};
  for (std::int64_t row = 0; row < pool.size(); ++row) {
    if (!pool.usable(row)) continue;
    rows.usable.push_back(row);
    if (!pool.has_picture(row)) rows.text_only.push_back(row);
  }
  return rows;
}

void require_target(const Method& method, bool given) {
  if (given || !method.requires_target) return;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("Method '{}' chooses samples for a target, and no target is given.", method.name),
                  "Give a pool of target samples: target.path=POOL.json, or target=mini.");
}

void check_constraints(const Method& method, const RowSet& rows, const Budget& budget) {
  const auto& constraints = rows.constraints;
  require_own_text_rows(method, constraints.text_only);
  if (constraints.text_only != TextOnly::kAuto) require_pictures(rows);
  if (method.budget_use == BudgetUse::kAll) return;
  const auto requested = budget.rows(rows.counted());
  if (constraints.text_only != TextOnly::kAuto)
    TextOnlyRows{constraints.text_only, rows.text_only, 0}.chosen(requested, rows.counted());
  if (std::ssize(constraints.must_keep) > requested) {
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("must_keep names {} rows, but the budget is {} rows.", constraints.must_keep.size(), requested),
        "Raise the budget, or shorten the list.");
  }
  require_floors(constraints.sources, requested);
}

MethodInput open_input(const Method& method, const RowSet& rows, const TableSource& tables, std::uint64_t seed,
                       const TargetSource* target) {
  require_target(method, target != nullptr);
  require_own_text_rows(method, rows.constraints.text_only);
  MethodInput input;
  input.pool_size = rows.size;
  input.constraints = rows.constraints;
  for (auto& table : open_tables(method.needs, tables)) {
    input.features.push_back(without_rows(std::move(table), rows.constraints.excluded));
  }
  input.seed = seed;
  auto ranked = rows;
  if (const auto policy = rows.constraints.text_only; policy != TextOnly::kAuto) {
    require_pictures(rows);
    input.text_only = {policy, rows.text_only, seed};
    ranked.usable = without(rows.usable, rows.text_only);
  }
  input.candidates = candidates_of(ranked, input.features);
  if (method.list) keep_listed(method, rows, input);
  if (target != nullptr && !method.target_needs.empty()) input.target = open_target(method, *target);
  return input;
}

std::int64_t rows_for(const Method& method, const MethodInput& input, const Budget& budget) {
  const auto usable = std::ssize(united(input.candidates, reserved_rows(method, input, budget)));
  if (method.budget_use == BudgetUse::kAll) return usable;
  const auto requested = budget.rows(counted(input));
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
  const auto reserved = reserved_rows(method, input, budget);
  if (scored) require_scores(method, input, budget, reserved, scored->scores);
  const auto total = rows_for(method, input, budget);
  const auto requested = total - std::ssize(reserved);  // of the method
  if (requested < 0) refuse_reserved(std::ssize(reserved), total);
  Allowance allowance(input.constraints, input.pool_size, total);
  for (const auto row : reserved) allowance.take(row);
  warn_of_broken_limits(input.constraints, reserved, total);
  MethodsChoice choice(method, input, scored, std::move(allowance));
  Selection selection;
  selection.rows = choice.choose(requested);
  selection.usable = std::ssize(united(input.candidates, reserved));
  if (const auto& answer = choice.first_answer()) {
    selection.scores = answer->scores;
    selection.facts = answer->facts;
  }
  if (choice.is_ranking()) {
    selection.usable = require_scores(method, input, budget, reserved, selection.scores);
    if (!selection.rows.empty())
      selection.facts["lowest_score"] = selection.scores[static_cast<std::size_t>(selection.rows.back())];
  }
  const bool constrained = input.constraints.limits_rows();
  if (!constrained || method.budget_use != BudgetUse::kAll) {
    if (std::ssize(selection.rows) != requested) refuse_answer(std::ssize(selection.rows), requested, constrained);
    if (!choice.floors_reached()) refuse_floors(total);
  }
  note_reserved(reserved, input, selection.facts);
  selection.rows.insert(selection.rows.end(), reserved.begin(), reserved.end());
  return selection;
}

}  // namespace scalselect
