// Difficulty of samples as the model sees it: the mean loss on the answer.
#pragma once

#include <cstdint>
#include <vector>

#include "selector/features.h"

namespace scalselect {

enum class LossAverage {
  kTokens,  ///< over all answer tokens
  kTurns,   ///< over the turns' means
};

/// Mean loss (nats a token) by pool row, of the table of an AnswerLossSpec; NaN for rows without an answer or a vector.
std::vector<double> mean_losses(const FeatureTable& table, std::int64_t pool_size, LossAverage average);

/// The same of `rows` alone, in their order; 0, the easiest, for a row without an answer.
std::vector<double> difficulties(const FeatureTable& table, const std::vector<std::int64_t>& rows,
                                 std::int64_t pool_size, LossAverage average);

}  // namespace scalselect
