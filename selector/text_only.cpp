#include "selector/text_only.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/rng.h"

namespace scalselect {

std::vector<std::int64_t> TextOnlyRows::chosen(std::int64_t budget, std::int64_t pool_rows) const {
  if (policy == TextOnly::kKeep) {
    if (std::ssize(rows) < budget) return rows;
    throw UserError(ErrorKind::kUsage,
                    fmt::format("The budget is {} of {} rows, and text_only=keep keeps all {} samples without a "
                                "picture, which leaves nothing to choose.",
                                budget, pool_rows, rows.size()),
                    "Raise the budget, or use text_only=share or text_only=drop.");
  }
  if (policy != TextOnly::kShare) return {};
  const double share = static_cast<double>(rows.size()) / static_cast<double>(pool_rows);
  const auto count = std::min<std::int64_t>(std::llround(share * static_cast<double>(budget)), budget - 1);
  auto drawn = rows;
  Rng(seed, "selector/text_only").shuffle(drawn);
  drawn.resize(static_cast<std::size_t>(count));
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

}  // namespace scalselect
