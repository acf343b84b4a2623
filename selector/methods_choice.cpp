#include "selector/methods_choice.h"

#include <algorithm>

#include "core/check.h"

namespace scalselect {
namespace {

void check_rows(const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& candidates) {
  auto sorted = rows;
  std::sort(sorted.begin(), sorted.end());
  SCALSELECT_CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
  SCALSELECT_CHECK(std::includes(candidates.begin(), candidates.end(), sorted.begin(), sorted.end()));
}

}  // namespace

MethodsChoice::MethodsChoice(const Method& method, MethodInput input, const std::optional<SelectionResult>& scored,
                             Allowance allowance)
    : method_(method), input_(std::move(input)), answer_(scored), allowance_(std::move(allowance)) {}

std::vector<std::int64_t> MethodsChoice::choose(std::int64_t requested) {
  while (std::ssize(rows_) < requested) {
    for (auto* rows : {&input_.candidates, &input_.listed})
      std::erase_if(*rows, [&](std::int64_t row) { return !allowance_.admits(row); });
    const auto wanted = std::min(requested - std::ssize(rows_), std::ssize(input_.candidates));
    if (wanted == 0 || !take(answer(wanted), wanted)) break;
  }
  if (is_ranking()) rows_ = top_rows(answer_->scores, rows_, std::ssize(rows_));
  return rows_;
}

std::vector<std::int64_t> MethodsChoice::answer(std::int64_t wanted) {
  if (!is_ranking()) {
    auto result = method_.select(input_, wanted);
    if (!answer_) answer_ = result;
    if (!is_ranking()) {
      check_rows(result.rows, input_.candidates);
      return result.rows;
    }
  }
  SCALSELECT_CHECK(std::ssize(answer_->scores) == input_.pool_size);
  const auto scored = scored_rows(answer_->scores, input_.candidates);
  return top_rows(answer_->scores, scored, std::min(wanted, std::ssize(scored)));
}

/// Takes those of `rows` that are admitted. False if there is no use in asking again: the method found fewer than it
/// was asked for, or none was admitted.
bool MethodsChoice::take(const std::vector<std::int64_t>& rows, std::int64_t wanted) {
  const auto before = rows_.size();
  for (const auto row : rows) {
    if (!allowance_.admits(row)) continue;
    allowance_.take(row);
    rows_.push_back(row);
  }
  return std::ssize(rows) == wanted && rows_.size() > before;
}

}  // namespace scalselect
