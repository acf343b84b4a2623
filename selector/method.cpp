#include "selector/method.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/error.h"

namespace scalselect {

std::vector<double> by_pool_row(const std::vector<std::int64_t>& rows, const std::vector<double>& values,
                                std::int64_t pool_size) {
  SCALSELECT_CHECK(rows.size() == values.size());
  std::vector<double> spread(static_cast<std::size_t>(pool_size), std::nan(""));
  for (std::size_t i = 0; i < rows.size(); ++i) spread[static_cast<std::size_t>(rows[i])] = values[i];
  return spread;
}

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
