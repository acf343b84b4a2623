#include "selector/method.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace scalselect {

std::vector<std::int64_t> scored_rows(const std::vector<double>& scores, const std::vector<std::int64_t>& candidates) {
  std::vector<std::int64_t> rows;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(rows),
               [&](std::int64_t row) { return !std::isnan(scores[static_cast<std::size_t>(row)]); });
  return rows;
}

std::vector<std::int64_t> top_rows(const std::vector<double>& scores, const std::vector<std::int64_t>& candidates,
                                   std::int64_t budget) {
  auto rows = scored_rows(scores, candidates);
  if (budget > std::ssize(rows)) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("Only {} samples have a score, {} are requested.", rows.size(), budget),
                    "Lower the budget, or see the list of rejected rows.");
  }
  const auto score = [&](std::int64_t row) { return scores[static_cast<std::size_t>(row)]; };
  const auto better = [&](std::int64_t a, std::int64_t b) {
    return score(a) != score(b) ? score(a) > score(b) : a < b;
  };
  std::partial_sort(rows.begin(), rows.begin() + budget, rows.end(), better);
  rows.resize(static_cast<std::size_t>(budget));
  return rows;
}

}  // namespace scalselect
