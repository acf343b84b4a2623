// Mean and Gram matrix of rows, which can be computed in parts and put together.
#pragma once

#include <cstdint>

#include "selector/rows.h"

namespace scalselect {

/// Sums over some rows z of length d, in one of two forms:
///   centred  gram = sum of (z - mean)^T (z - mean)
///   plain    gram = sum of z^T z; `mean` is empty
struct Moments {
  std::int64_t count = 0;
  Eigen::RowVectorXd mean;
  RowMajorMatrixXd gram;  ///< d x d, lower triangle

  /// Adds the sums of other rows, of the same form (Chan, Golub and LeVeque 1983, pairwise update). The result's last
  /// digits depend on the order of such calls, and on nothing else.
  void merge(Moments next);
};

}  // namespace scalselect
