// What the decompositions give, on the CPU (selector/linalg.h) as on a GPU (selector/cuda/).
#pragma once

#include <utility>

#include "selector/rows.h"

namespace scalselect {

/// Eigenvalues or singular values, descending, and their vectors, one a row in the same order.
struct Spectrum {
  Eigen::VectorXd values;
  RowMajorMatrixXd vectors;
};

/// LAPACK and cuSOLVER give eigenvalues ascending, vectors as columns in column-major order, so as rows here: turns
/// both round, the largest first.
inline Spectrum largest_first(Eigen::VectorXd values, RowMajorMatrixXd vectors) {
  values.reverseInPlace();
  vectors.colwise().reverseInPlace();
  return {std::move(values), std::move(vectors)};
}

}  // namespace scalselect
