// The steps of COINCIDE (arXiv 2406.10995; coincide.cpp describes the method), separate so that each can be compared
// with the authors' code.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "baselines/table_rows.h"
#include "core/matrix.h"
#include "selector/method.h"

namespace scalselect::coincide {

/// Features of the candidates: tanh of every part's vector, scaled to length 1 / sqrt(parts), parts side by side (so
/// rows have length 1; a zero part stays zero). Throws as load_rows.
TableRows joined_features(const std::vector<FeatureTable>& parts, const std::vector<std::int64_t>& candidates);

/// S: for each centre (K x d) the mean cosine with the other centres, those left out whose cosine exceeds `near` and
/// those of empty clusters. 0 where none is left (the authors' code divides by zero). Time O(K^2 d), memory O(K).
std::vector<double> transferability(MatrixView centers, const std::vector<std::int64_t>& sizes,
                                    std::optional<double> near);

/// Clusters that have rows, best score first, ties by ascending number.
std::vector<std::int64_t> by_score(const std::vector<double>& scores, const std::vector<std::int64_t>& sizes);

/// Rows to take from each cluster, `budget` (at most all there are) in total. In by_score order a cluster gets
/// min(round(R P_c), its rows) of the R rows still missing, half to even, P = softmax(score / temperature) over the
/// clusters not yet visited. What is still missing after the last one is shared out in the same way among the rows
/// left (the authors return fewer).
std::vector<std::int64_t> share_out(const std::vector<double>& scores, const std::vector<std::int64_t>& sizes,
                                    std::int64_t budget, double temperature);

}  // namespace scalselect::coincide
