// Scores that are a function of one row's vector.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "selector/method.h"

namespace scalselect {

/// `score` of every vector of the table, by pool row: pool_size long, NaN for rows without a vector. `score` may answer
/// NaN: such a row is never chosen (top_rows).
std::vector<double> row_scores(const FeatureTable& table, std::int64_t pool_size,
                               const std::function<double(std::span<const float> vector)>& score);

/// The method that ranks rows by `score` of their `spec` vector and nothing else: a better row has a higher score.
Method row_ranking(FeatureSpec spec, std::function<double(std::span<const float> vector)> score);

}  // namespace scalselect
