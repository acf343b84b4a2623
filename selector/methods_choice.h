// A method's choice within constraints that it knows nothing of (selector/choose.h is the one caller).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "selector/constraints.h"
#include "selector/method.h"

namespace scalselect {

/// Asks a method, leaves out what is not admitted, and asks it again for the rest among the rows that still are. A
/// ranking is made once and walked from its top.
class MethodsChoice {
 public:
  /// `scored`: the ranking, where it is known already. `method` must outlive this.
  MethodsChoice(const Method& method, MethodInput input, const std::optional<SelectionResult>& scored,
                Allowance allowance);

  /// `requested` rows, first-chosen or best first; fewer if the method finds or the constraints admit no more. To be
  /// called once. Throws InternalError for an answer with rows that are no candidates, or one row twice.
  std::vector<std::int64_t> choose(std::int64_t requested);

  /// Empty if the method was not asked.
  const std::optional<SelectionResult>& first_answer() const { return answer_; }
  bool floors_reached() const { return allowance_.floors_reached(); }
  /// Whether the method gave scores in place of rows.
  bool is_ranking() const { return answer_ && answer_->rows.empty() && !answer_->scores.empty(); }

 private:
  std::vector<std::int64_t> answer(std::int64_t wanted);
  bool take(const std::vector<std::int64_t>& rows, std::int64_t wanted);

  const Method& method_;
  MethodInput input_;  ///< its candidates become fewer
  std::optional<SelectionResult> answer_;
  Allowance allowance_;
  std::vector<std::int64_t> rows_;
};

}  // namespace scalselect
