#include "baselines/kmeans.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/check.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "selector/linalg.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlock = 256;
constexpr std::int64_t kMeanBlock = 4096;

Eigen::RowVectorXf column_means(const ConstRows& rows) {
  RowMajorMatrixXd sums = RowMajorMatrixXd::Zero((rows.rows() + kMeanBlock - 1) / kMeanBlock, rows.cols());
  parallel_blocks(rows.rows(), kMeanBlock, [&](std::int64_t begin, std::int64_t end) {
    sums.row(begin / kMeanBlock) = sum_of_rows(rows.middleRows(begin, end - begin));
  });
  Eigen::RowVectorXd total = Eigen::RowVectorXd::Zero(rows.cols());
  for (const auto sum : sums.rowwise()) total += sum;
  return (total / static_cast<double>(rows.rows())).cast<float>();
}

/// Rows as the iteration sees them: scaled to length 1 if spherical, else moved by the column means, because float32
/// inner products of vectors far from the origin lose the distances between them.
class Prepared {
 public:
  Prepared(MatrixView rows, bool spherical) : rows_(as_matrix(rows)), spherical_(spherical) {
    if (!spherical) shift_ = column_means(rows_);
  }

  std::int64_t size() const { return rows_.rows(); }
  std::int64_t cols() const { return rows_.cols(); }
  bool spherical() const { return spherical_; }

  /// Fills `out` with the rows from `first` on.
  void read(std::int64_t first, Eigen::Ref<RowMajorMatrixXf> out) const {
    out = rows_.middleRows(first, out.rows());
    prepare(out);
  }
  void prepare(Eigen::Ref<RowMajorMatrixXf> rows) const {
    if (spherical_) scale_to_unit_length(rows);
    else rows.rowwise() -= shift_;
  }
  /// Back to the caller's coordinates.
  void restore(Eigen::Map<RowMajorMatrixXf> centers) const {
    if (!spherical_) centers.rowwise() += shift_;
  }

 private:
  ConstRows rows_;
  bool spherical_;
  Eigen::RowVectorXf shift_;
};

/// `visit(first, block, products)` for blocks of prepared rows and their products with all centres, in parallel.
template <class Visit>
void for_products(const Prepared& rows, const ConstRows& centers, const Visit& visit) {
  parallel_blocks(rows.size(), kBlock, [&](std::int64_t begin, std::int64_t end) {
    RowMajorMatrixXf block(end - begin, rows.cols()), products(end - begin, centers.rows());
    rows.read(begin, block);
    products.noalias() = block * centers.transpose();
    visit(begin, block, products);
  });
}

/// |row - center|^2, or 1 - their product if spherical.
template <class Row, class Center>
float exact_distance(const Row& row, const Center& center, bool spherical) {
  if (spherical) {
    return static_cast<float>(std::max(0.0, 1 - row.template cast<double>().dot(center.template cast<double>())));
  }
  return static_cast<float>((row.template cast<double>() - center.template cast<double>()).squaredNorm());
}

Assignment nearest(const Prepared& rows, const ConstRows& centers) {
  // What is taken off a product so that the nearest centre has the largest difference.
  Eigen::RowVectorXf halves = Eigen::RowVectorXf::Zero(centers.rows());
  if (!rows.spherical()) halves = (centers.cast<double>().rowwise().squaredNorm() / 2).cast<float>().transpose();
  Assignment found{std::vector<std::int32_t>(static_cast<std::size_t>(rows.size())),
                   std::vector<float>(static_cast<std::size_t>(rows.size()))};
  for_products(rows, centers, [&](std::int64_t first, const auto& block, const auto& products) {
    for (std::int64_t i = 0; i < block.rows(); ++i) {
      Eigen::Index best = 0;
      (products.row(i) - halves).maxCoeff(&best);
      found.cluster[static_cast<std::size_t>(first + i)] = static_cast<std::int32_t>(best);
      found.distance[static_cast<std::size_t>(first + i)] =
          exact_distance(block.row(i), centers.row(best), rows.spherical());
    }
  });
  return found;
}

/// The lowest position whose running sum of `weights` exceeds `target`.
std::int64_t draw_position(const std::vector<float>& weights, double target) {
  double sum = 0;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = static_cast<std::int64_t>(i);
    if ((sum += weights[i]) > target) break;
  }
  return last;
}

double total(const std::vector<float>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// k-means++: rows are drawn in proportion to their squared distance from the centres so far.
class PlusPlus {
 public:
  PlusPlus(const Prepared& rows, std::uint64_t seed)
      : rows_(rows),
        rng_(seed, "baselines/kmeans/plus_plus"),
        nearest_(static_cast<std::size_t>(rows.size()), std::numeric_limits<float>::infinity()) {}

  RowMajorMatrixXf draw(std::int64_t clusters) {
    const int trials = 2 + static_cast<int>(std::log(static_cast<double>(clusters)));
    RowMajorMatrixXf centers(clusters, rows_.cols());
    centers.row(0) = best_of({static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(rows_.size())))});
    for (std::int64_t c = 1; c < clusters; ++c) {
      const double potential = total(nearest_);
      std::vector<std::int64_t> candidates;
      for (int t = 0; t < trials; ++t) candidates.push_back(draw_position(nearest_, rng_.uniform() * potential));
      centers.row(c) = best_of(candidates);
    }
    return centers;
  }

 private:
  /// The candidate that leaves the least potential.
  Eigen::RowVectorXf best_of(const std::vector<std::int64_t>& candidates) {
    const auto count = static_cast<std::int64_t>(candidates.size());
    RowMajorMatrixXf vectors(count, rows_.cols());
    for (std::int64_t t = 0; t < count; ++t) rows_.read(candidates[static_cast<std::size_t>(t)], vectors.row(t));
    std::vector<std::vector<float>> left(candidates.size(), nearest_);
    const Eigen::VectorXd squares = vectors.cast<double>().rowwise().squaredNorm();
    const ConstRows all(vectors.data(), count, rows_.cols());
    for_products(rows_, all, [&](std::int64_t first, const auto& block, const auto& products) {
      for (std::int64_t i = 0; i < block.rows(); ++i) {
        const double own = block.row(i).template cast<double>().squaredNorm();
        for (std::int64_t t = 0; t < count; ++t) {
          const double distance = own + squares(t) - 2.0 * static_cast<double>(products(i, t));
          float& best = left[static_cast<std::size_t>(t)][static_cast<std::size_t>(first + i)];
          best = std::min(best, static_cast<float>(std::max(0.0, distance)));
        }
      }
    });
    std::size_t chosen = 0;
    for (std::size_t t = 0; t < left.size(); ++t) {
      left[t][static_cast<std::size_t>(candidates[t])] = 0;  // rounding must not draw it again
      if (total(left[t]) < total(left[chosen])) chosen = t;
    }
    nearest_ = std::move(left[chosen]);
    return vectors.row(static_cast<std::int64_t>(chosen));
  }

  const Prepared& rows_;
  Rng rng_;
  std::vector<float> nearest_;
};

RowMajorMatrixXf random_centers(const Prepared& rows, std::int64_t clusters, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(rows.size()));
  std::iota(order.begin(), order.end(), 0);
  Rng(seed, "baselines/kmeans/random").shuffle(order);
  RowMajorMatrixXf centers(clusters, rows.cols());
  for (std::int64_t c = 0; c < clusters; ++c) rows.read(order[static_cast<std::size_t>(c)], centers.row(c));
  return centers;
}

std::vector<std::int64_t> sizes_of(const Assignment& rows, std::int64_t clusters) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(clusters), 0);
  for (const auto c : rows.cluster) ++sizes[static_cast<std::size_t>(c)];
  return sizes;
}

/// Gives every empty cluster the farthest row of a cluster that can spare one.
void fill_empty(Assignment& rows, std::int64_t clusters) {
  auto sizes = sizes_of(rows, clusters);
  if (std::find(sizes.begin(), sizes.end(), 0) == sizes.end()) return;
  std::vector<std::size_t> order(rows.cluster.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rows.distance[a] > rows.distance[b]; });
  auto next = order.begin();
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    if (sizes[c] > 0) continue;
    const auto spare = [&](std::size_t i) { return sizes[static_cast<std::size_t>(rows.cluster[i])] > 1; };
    next = std::find_if(next, order.end(), spare);
    if (next == order.end()) return;
    --sizes[static_cast<std::size_t>(rows.cluster[*next])];
    rows.cluster[*next++] = static_cast<std::int32_t>(c);
    ++sizes[c];
  }
}

/// Centres become the means of their rows (length 1 if spherical; a cluster without direction keeps its centre).
/// Returns the sum of squared moves.
double update_centers(const Prepared& rows, const Assignment& assigned, Eigen::Map<RowMajorMatrixXf> centers) {
  const auto lists = cluster_members(assigned, centers.rows());
  std::vector<double> moves(lists.size(), 0.0);
  parallel_blocks(centers.rows(), 1, [&](std::int64_t c, std::int64_t) {
    const auto& list = lists[static_cast<std::size_t>(c)];
    if (list.empty()) return;
    Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(rows.cols());
    RowMajorMatrixXf row(1, rows.cols());
    for (const auto i : list) {
      rows.read(i, row);
      sum += row.cast<double>();
    }
    row = (sum / static_cast<double>(list.size())).cast<float>();
    if (rows.spherical()) scale_to_unit_length(row);
    if (rows.spherical() && row.isZero(0)) return;
    moves[static_cast<std::size_t>(c)] = exact_distance(row.row(0), centers.row(c), false);
    centers.row(c) = row;
  });
  return std::accumulate(moves.begin(), moves.end(), 0.0);
}

double mean_variance(const Prepared& rows) {
  double sum = 0;
  RowMajorMatrixXf row(1, rows.cols());
  for (std::int64_t i = 0; i < rows.size(); ++i) {
    rows.read(i, row);
    sum += row.cast<double>().squaredNorm();
  }
  return sum / static_cast<double>(rows.size() * rows.cols());
}

void run_lloyd(const Prepared& rows, const KMeansOptions& options, KMeansResult& result) {
  const Eigen::Map<RowMajorMatrixXf> centers(result.centers.data(), result.clusters, rows.cols());
  const ConstRows fixed = as_matrix(result.center_rows(rows.cols()));
  double enough = options.tolerance;
  if (enough > 0 && !rows.spherical()) enough *= mean_variance(rows);
  result.rows = nearest(rows, fixed);
  while (!result.converged && result.iterations < options.max_iterations) {
    ++result.iterations;
    if (options.empty == EmptyCluster::kFarthest) fill_empty(result.rows, result.clusters);
    const double moved = update_centers(rows, result.rows, centers);
    auto next = nearest(rows, fixed);
    result.converged = next.cluster == result.rows.cluster || moved <= enough;
    result.rows = std::move(next);
  }
}

/// Each step moves the centres of a drawn batch towards its rows, by 1 / rows that a centre has seen.
void run_batches(const Prepared& rows, const KMeansOptions& options, std::uint64_t seed, KMeansResult& result) {
  Rng rng(seed, "baselines/kmeans/batch");
  const std::int64_t cols = rows.cols(), steps = (rows.size() + options.batch - 1) / options.batch;
  std::vector<double> seen(static_cast<std::size_t>(result.clusters), 0.0);
  RowMajorMatrixXf batch(options.batch, cols);
  Eigen::Map<RowMajorMatrixXf> centers(result.centers.data(), result.clusters, cols);
  for (std::int64_t step = 0; step < steps * options.max_iterations; ++step) {
    for (std::int64_t i = 0; i < options.batch; ++i)
      rows.read(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(rows.size()))), batch.row(i));
    const auto assigned = assign_rows({batch.data(), options.batch, cols}, result.center_rows(cols), rows.spherical());
    for (std::int64_t i = 0; i < options.batch; ++i) {
      const auto c = assigned.cluster[static_cast<std::size_t>(i)];
      const auto rate = static_cast<float>(1 / (seen[static_cast<std::size_t>(c)] += 1));
      centers.row(c) += rate * (batch.row(i) - centers.row(c));
    }
    if (rows.spherical()) scale_to_unit_length(centers);
  }
  result.iterations = options.max_iterations;
  result.rows = nearest(rows, as_matrix(result.center_rows(cols)));
}

}  // namespace

Assignment assign_rows(MatrixView rows, MatrixView centers, bool spherical) {
  const Prepared prepared(rows, spherical);
  RowMajorMatrixXf moved = as_matrix(centers);
  prepared.prepare(moved);
  return nearest(prepared, {moved.data(), moved.rows(), moved.cols()});
}

std::vector<std::vector<std::int64_t>> cluster_members(const Assignment& rows, std::int64_t clusters) {
  std::vector<std::vector<std::int64_t>> lists(static_cast<std::size_t>(clusters));
  for (std::size_t i = 0; i < rows.cluster.size(); ++i)
    lists[static_cast<std::size_t>(rows.cluster[i])].push_back(static_cast<std::int64_t>(i));
  return lists;
}

KMeansResult kmeans(MatrixView rows, const KMeansOptions& options, std::uint64_t seed, std::span<const float> initial) {
  SCALSELECT_CHECK(rows.rows >= 1 && options.clusters >= 0);
  const Prepared prepared(rows, options.spherical);
  KMeansResult result;
  RowMajorMatrixXf centers;
  if (!initial.empty()) {
    centers = ConstRows(initial.data(), static_cast<std::int64_t>(initial.size()) / rows.cols, rows.cols);
    prepared.prepare(centers);
  } else {
    const auto usual = std::llround(std::sqrt(static_cast<double>(rows.rows)));
    const auto clusters = std::min<std::int64_t>(options.clusters > 0 ? options.clusters : usual, rows.rows);
    centers = options.init == KMeansInit::kRandom ? random_centers(prepared, clusters, seed)
                                                  : PlusPlus(prepared, seed).draw(clusters);
  }
  result.clusters = centers.rows();
  result.centers.assign(centers.data(), centers.data() + centers.size());
  if (options.batch > 0) run_batches(prepared, options, seed, result);
  else run_lloyd(prepared, options, result);
  prepared.restore({result.centers.data(), result.clusters, rows.cols});
  result.sizes = sizes_of(result.rows, result.clusters);
  result.inertia = total(result.rows.distance);
  for (const auto size : result.sizes) result.imbalance += static_cast<double>(size) * static_cast<double>(size);
  result.imbalance *= static_cast<double>(result.clusters) / std::pow(static_cast<double>(rows.rows), 2);
  return result;
}

}  // namespace scalselect
