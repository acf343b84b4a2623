// Leverage scores in the principal subspace, from a stream of rows.
//
// X (N x d) -> Z: centred, standardised, L2-normalised rows, each step optional, in this order (cur.py). Z = U S V^T;
// k = smallest k with sum_{j<=k} s_j^2 >= tau * sum_j s_j^2; score_i = sum_{j<=k} U_ij^2 (ScalSelect, arXiv 2602.11636,
// section 3). U is never formed: score_i = sum_{j<=k} (z_i . v_j)^2 / s_j^2.
//
// Passes: one for mean and Gram matrix (block means merged as in Chan, Golub and LeVeque 1983), one for the scores. L2
// needs one more (row norms need the mean first). When a kept direction is so small that the Gram matrix, whose
// condition is the square of Z's, no longer resolves it (s_k^2 < 1e-6 s_1^2), one more pass forms the Gram matrix of Z
// whitened by the first result (shifted Cholesky-QR with an eigendecomposition in place of Cholesky: Fukaya et al.
// 2020) and corrects V and S: errors then are those of a float64 SVD of Z, about eps * s_1 / s_k.
//
// On the GPU of `compute_device()` (core/device.h), if that is one: Gram sums, projections and eigenvectors, in
// float64; the small SVD of the correcting pass stays on the CPU. Scores then agree with the CPU's to about 1e-10.
//
// Memory: at most 8 d^2 + 2.1 B d + B k float64 for B = subspace_block_rows(d), besides 8 N bytes of scores and
// whatever the source holds; 4 d^2 in place of 8 d^2 when the correcting pass is not needed. The same bytes for any
// number of threads: blocks, tiles and the order of all sums are fixed functions of (N, d). The sums can be computed in
// parts, by several processes, and give the same bytes again (selector/subspace_parts.h). BLAS kernels of another
// processor may change the last digits (selector/linalg.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/matrix.h"
#include "core/options.h"

namespace scalselect {

struct SubspaceOptions {
  bool center = true;
  bool standardize = false;
  bool l2_normalize = false;
  double energy = 0.9;                     ///< tau; used when `directions` is not set
  std::optional<std::int64_t> directions;  ///< fixed k

  template <class Visitor>
  static void describe(Visitor& v, SubspaceOptions& o) {
    v.field("center", o.center, "subtract column means");
    v.field("standardize", o.standardize, "divide columns by their population standard deviation (0 counts as 1)");
    v.field("l2_normalize", o.l2_normalize, "scale rows to length 1 (zero rows stay zero)");
    v.field("energy", o.energy, "keep the fewest directions whose squared singular values reach this share",
            Range{0, 1});
    v.field("directions", o.directions, "keep this many directions instead", Range{1, 1e9});
  }
};

struct SubspaceScores {
  std::vector<double> scores;          ///< N; NaN for rows in `excluded`
  std::vector<std::int64_t> excluded;  ///< rows with NaN or infinity, left out of every sum
  std::int64_t directions = 0;         ///< k; 0 if all rows are equal (then all scores are 0)
  std::int64_t rank = 0;               ///< numerical rank of Z: s_j > max(N, d) * eps * s_1; k never exceeds it
  std::vector<double> energy;          ///< squared singular values, descending, min(N, d) of them
  double energy_kept = 0;              ///< share of the k kept
  std::vector<double> mean;            ///< d; of the rows not excluded
  bool refined = false;                ///< the correcting pass was needed
};

/// The rows in the subspace, for methods that need more than the scores.
struct SubspaceDetails {
  std::vector<double> coordinates;  ///< N x k row-major: row i of U_k, so score_i = |u_i|^2; zeros for excluded rows
  std::vector<double> residuals;    ///< N: squared length of z_i outside the k directions; NaN for excluded rows
};

/// Scores every row; `details`, if given, are filled too (8 N (k + 1) bytes). Threads: core/parallel.h. Throws
/// UserError(kInput) if no row is finite or there are no columns, and what the source throws; UserError(kEnvironment)
/// if the matrices do not fit in memory.
SubspaceScores score_rows(const RowSource& source, const SubspaceOptions& options = {},
                          SubspaceDetails* details = nullptr);

}  // namespace scalselect
