// Maximum mean discrepancy between a set of rows and a part of it, under the Gaussian kernel
// k(x, y) = exp(-|x - y|^2 / (2 sigma^2)), in float64. No kernel matrix is kept: memory is O(n) for n rows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "baselines/table_rows.h"

namespace scalselect {

/// For each of `members` (indices into the table), the mean of its kernel with all of them, itself included.
/// Time O(n^2 d).
std::vector<double> kernel_means(const TableRows& table, std::span<const std::int64_t> members, double sigma);

/// `count` of `members`, picked one after the other so that each pick makes
///   MMD^2 = mean(K) + mean(K_SS) - 2 mean(K_:S)
/// smallest (MMD-critic's prototypes, Kim et al. 2016, as COINCIDE uses them); ties go to the earlier member. `means`:
/// kernel_means of the same rows. Time O(n count d).
std::vector<std::int64_t> greedy_mmd(const TableRows& table, std::span<const std::int64_t> members,
                                     std::span<const double> means, std::int64_t count, double sigma);

}  // namespace scalselect
