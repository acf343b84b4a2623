// Blocks of inner products in float32 through BLAS: what k-means, neighbour search and similarity kernels are made of.
#pragma once

#include <cstdint>
#include <vector>

#include "core/matrix.h"

namespace scalselect {

/// out (m x n, row-major) = a (m x d) * b (n x d)^T, on the calling thread if a OneThreadLinalg (selector/linalg.h)
/// lives. The same bits for the same shapes on one machine; other machines may round the last bit differently.
void inner_products(const float* a, std::int64_t m, const float* b, std::int64_t n, std::int64_t d, float* out);

/// Squared lengths of the rows, summed in float64.
std::vector<double> squared_lengths(MatrixView rows);

}  // namespace scalselect
