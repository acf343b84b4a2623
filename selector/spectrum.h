// What the decompositions return, on the CPU (selector/linalg.h) as on a GPU (selector/cuda/).
#pragma once

#include <functional>
#include <utility>

#include "selector/rows.h"

namespace scalselect {

/// Eigenvalues or singular values, descending, and the vectors of all or of the first, one per row in the same order.
struct Spectrum {
  Eigen::VectorXd values;
  RowMajorMatrixXd vectors;
};

/// Told all eigenvalues, descending: how many vectors, of the largest, are wanted.
using WantedVectors = std::function<std::int64_t(const Eigen::VectorXd& values)>;

/// LAPACK and cuSOLVER give eigenvalues ascending, vectors as columns in column-major order, which are rows here:
/// reverses both, so that the largest comes first.
inline Spectrum largest_first(Eigen::VectorXd values, RowMajorMatrixXd vectors) {
  values.reverseInPlace();
  vectors.colwise().reverseInPlace();
  return {std::move(values), std::move(vectors)};
}

}  // namespace scalselect
