// Scores that are a function of one row's vector, among them the difficulty of a sample: the model's mean loss on its
// answer.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "selector/method.h"

namespace scalselect {

/// `score` of every vector of the table, by pool row: pool_size long, NaN for rows without a vector. `score` may return
/// NaN: such a row is never chosen (top_rows).
std::vector<double> row_scores(const FeatureTable& table, std::int64_t pool_size,
                               const std::function<double(std::span<const float> vector)>& score);

/// The method that ranks rows by `score` of their `spec` vector and nothing else: a better row has a higher score.
Method row_ranking(FeatureSpec spec, std::function<double(std::span<const float> vector)> score);

enum class LossAverage {
  kTokens,  ///< over all answer tokens
  kTurns,   ///< over the turns' means
};

/// Mean loss (nats per token) by pool row, of the table of an AnswerLossSpec; NaN for rows without an answer or a
/// vector.
std::vector<double> mean_losses(const FeatureTable& table, std::int64_t pool_size, LossAverage average);

/// The same for `rows` alone, in their order; 0, the easiest, for a row without an answer.
std::vector<double> difficulties(const FeatureTable& table, const std::vector<std::int64_t>& rows,
                                 std::int64_t pool_size, LossAverage average);

}  // namespace scalselect
