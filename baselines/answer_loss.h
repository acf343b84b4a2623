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

/// Mean losses (nats a token) of `rows`, which must be in the table of an AnswerLossSpec; 0 for a row without an
/// answer.
std::vector<double> mean_losses(const FeatureTable& table, const std::vector<std::int64_t>& rows, LossAverage average);

}  // namespace scalselect
