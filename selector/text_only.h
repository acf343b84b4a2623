// Samples without a picture (40,000 of LLaVA-665K): methods on visual features cannot rank them, others can. What
// becomes of them is one decision for every method of a comparison.
#pragma once

#include <cstdint>
#include <vector>

namespace scalselect {

enum class TextOnly {
  kAuto,   ///< each method takes them if it can rank them
  kDrop,   ///< none is chosen
  kKeep,   ///< all are chosen, and the method chooses the rest of the budget
  kShare,  ///< their share of the budget is drawn by seed, and the method chooses the rest
};

/// The rows without a picture that a policy other than kAuto takes out of a method's hands.
struct TextOnlyRows {
  TextOnly policy = TextOnly::kAuto;
  std::vector<std::int64_t> rows;  ///< usable rows without a picture, ascending; empty with kAuto
  std::uint64_t seed = 0;          ///< of kShare

  /// Those that are chosen within a budget of `budget` of the pool's `pool_rows` rows, ascending. kShare: their share
  /// of the pool's rows, to the nearest integer, and at least one row is left to the method. Throws UserError(kUsage)
  /// if kKeep leaves the method nothing to choose.
  std::vector<std::int64_t> chosen(std::int64_t budget, std::int64_t pool_rows) const;
};

}  // namespace scalselect
