// k-means, Euclidean and spherical, by Lloyd's iteration or by mini-batches.
//
// Euclidean: rows go to the centre at the smallest squared distance, centres are means. Spherical (Dhillon and Modha
// 2001): rows count as scaled to length 1 (the caller need not scale them), go to the centre of the largest cosine, and
// centres are means scaled to length 1. Ties go to the centre of the smallest number. Results depend on rows, options
// and seed, not on the number of threads; BLAS kernels of another processor may change the last digits.
//
// Time O(N K d) per iteration; k-means++ costs about ln K more such passes, random initial centres none. Memory beyond
// the rows: O(N + K d).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/matrix.h"

namespace scalselect {

enum class KMeansInit {
  kPlusPlus,  ///< greedy k-means++ (Arthur and Vassilvitskii 2007): best of 2 + ln K draws by squared distance
  kRandom,    ///< K rows drawn without replacement
};

/// What happens to a centre that no row is nearest to.
enum class EmptyCluster {
  kFarthest,  ///< it moves onto the row that is farthest from its own centre (as in scikit-learn)
  kKeep,      ///< it stays where it is and may end empty
};

struct KMeansOptions {
  std::int64_t clusters = 8;  ///< K, at most the number of rows; 0 = the square root of that number
  bool spherical = false;
  KMeansInit init = KMeansInit::kPlusPlus;
  int max_iterations = 50;  ///< passes over the rows; 0 = the initial centres are final
  double tolerance = 0;     ///< stop when the centres' summed squared moves fall to this times the mean column variance
                            ///< (spherical: to this); 0 = when no row changes its centre
  std::int64_t batch = 0;   ///< rows drawn with replacement per step (Sculley 2010), N / batch steps per pass; 0 = all
  EmptyCluster empty = EmptyCluster::kFarthest;  ///< of Lloyd's iteration; mini-batches keep
};

/// Rows and their nearest centres.
struct Assignment {
  std::vector<std::int32_t> cluster;  ///< N numbers in [0, K)
  std::vector<float> distance;        ///< N: squared Euclidean distance, or 1 - cosine if spherical
};

struct KMeansResult {
  Assignment rows;                  ///< to the centres below
  std::vector<float> centers;       ///< K x d, row-major; length 1 if spherical
  std::int64_t clusters = 0;        ///< K
  std::vector<std::int64_t> sizes;  ///< K: rows in each cluster
  double inertia = 0;               ///< sum of the rows' distances
  double imbalance = 0;             ///< K * sum of squared sizes / N^2 (faiss): 1 = all equal, K = collapsed into one
  int iterations = 0;               ///< passes made
  bool converged = false;           ///< stopped before max_iterations ran out

  MatrixView center_rows(std::int64_t cols) const { return {centers.data(), clusters, cols}; }
};

/// Clusters `rows` (N >= 1, finite). `initial`: K x d starting centres instead of drawn ones. A row of length 0 has no
/// direction: spherical, its cosine with every centre is 0.
KMeansResult kmeans(MatrixView rows, const KMeansOptions& options, std::uint64_t seed,
                    std::span<const float> initial = {});

/// The nearest of `centers` (K x d, K >= 1; of length 1 if spherical) for every row.
Assignment assign_rows(MatrixView rows, MatrixView centers, bool spherical);

/// Rows of each cluster, ascending.
std::vector<std::vector<std::int64_t>> cluster_members(const Assignment& rows, std::int64_t clusters);

}  // namespace scalselect
