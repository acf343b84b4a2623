#include "baselines/kmeans.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "baselines/inner_products.h"
#include "core/check.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "selector/linalg.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlock = 256;
constexpr std::int64_t kMeanBlock = 4096;

std::vector<double> column_means(MatrixView rows) {
  const std::int64_t blocks = (rows.rows + kMeanBlock - 1) / kMeanBlock;
  std::vector<double> sums(static_cast<std::size_t>(blocks * rows.cols), 0.0);
  parallel_blocks(rows.rows, kMeanBlock, [&](std::int64_t begin, std::int64_t end) {
    double* out = sums.data() + begin / kMeanBlock * rows.cols;
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t j = 0; j < rows.cols; ++j) out[j] += rows.data[i * rows.cols + j];
    }
  });
  std::vector<double> means(static_cast<std::size_t>(rows.cols), 0.0);
  for (std::int64_t at = 0; at < blocks * rows.cols; ++at) {
    means[static_cast<std::size_t>(at % rows.cols)] += sums[static_cast<std::size_t>(at)];
  }
  for (double& mean : means) mean /= static_cast<double>(rows.rows);
  return means;
}

/// Scales a row to length 1; leaves one of length 0.
void scale_to_one(float* row, std::int64_t cols) {
  double squares = 0;
  for (std::int64_t j = 0; j < cols; ++j) squares += static_cast<double>(row[j]) * row[j];
  if (squares == 0) return;
  const double inverse = 1.0 / std::sqrt(squares);
  for (std::int64_t j = 0; j < cols; ++j) row[j] = static_cast<float>(row[j] * inverse);
}

/// Rows as the iteration sees them: scaled to length 1 if spherical, else moved by the column means, because float32
/// inner products of vectors far from the origin lose the distances between them.
class Prepared {
 public:
  Prepared(MatrixView rows, bool spherical) : rows_(rows), spherical_(spherical) {
    if (spherical) return;
    for (const double mean : column_means(rows)) shift_.push_back(static_cast<float>(mean));
  }

  std::int64_t size() const { return rows_.rows; }
  std::int64_t cols() const { return rows_.cols; }
  bool spherical() const { return spherical_; }

  void read(std::int64_t first, std::int64_t count, float* out) const {
    prepare({rows_.data + first * cols(), count, cols()}, out);
  }
  void prepare(MatrixView from, float* out) const {
    for (std::int64_t i = 0; i < from.rows; ++i, out += cols()) {
      std::copy_n(from.data + i * cols(), cols(), out);
      if (spherical_) scale_to_one(out, cols());
      else
        for (std::int64_t j = 0; j < cols(); ++j) out[j] -= shift_[static_cast<std::size_t>(j)];
    }
  }
  /// Back to where the caller's rows lie.
  void restore(std::vector<float>& centers) const {
    if (spherical_) return;
    for (std::size_t at = 0; at < centers.size(); ++at) centers[at] += shift_[at % shift_.size()];
  }

 private:
  MatrixView rows_;
  bool spherical_;
  std::vector<float> shift_;
};

/// `visit(first, count, block, products)` for blocks of prepared rows and their products with all centres, in parallel.
template <class Visit>
void for_products(const Prepared& rows, MatrixView centers, const Visit& visit) {
  const OneThreadLinalg one_thread;
  parallel_blocks(rows.size(), kBlock, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> block(static_cast<std::size_t>((end - begin) * rows.cols()));
    std::vector<float> products(static_cast<std::size_t>((end - begin) * centers.rows));
    rows.read(begin, end - begin, block.data());
    inner_products(block.data(), end - begin, centers.data, centers.rows, rows.cols(), products.data());
    visit(begin, end - begin, block.data(), products.data());
  });
}

/// What is taken off a product so that the nearest centre has the largest difference.
std::vector<float> half_squares(MatrixView centers, bool spherical) {
  std::vector<float> halves(static_cast<std::size_t>(centers.rows), 0.0F);
  if (spherical) return halves;
  const auto squares = squared_lengths(centers);
  std::transform(squares.begin(), squares.end(), halves.begin(), [](double s) { return static_cast<float>(s / 2); });
  return halves;
}

float exact_distance(const float* row, const float* center, std::int64_t cols, bool spherical) {
  double sum = 0;
  if (spherical) {
    for (std::int64_t j = 0; j < cols; ++j) sum += static_cast<double>(row[j]) * center[j];
    return static_cast<float>(std::max(0.0, 1 - sum));
  }
  for (std::int64_t j = 0; j < cols; ++j) {
    const double difference = static_cast<double>(row[j]) - center[j];
    sum += difference * difference;
  }
  return static_cast<float>(sum);
}

Assignment nearest(const Prepared& rows, MatrixView centers) {
  const auto halves = half_squares(centers, rows.spherical());
  Assignment found{std::vector<std::int32_t>(static_cast<std::size_t>(rows.size())),
                   std::vector<float>(static_cast<std::size_t>(rows.size()))};
  for_products(rows, centers, [&](std::int64_t first, std::int64_t count, const float* block, const float* products) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = products + i * centers.rows;
      std::int64_t best = 0;
      for (std::int64_t c = 1; c < centers.rows; ++c) {
        if (row[c] - halves[static_cast<std::size_t>(c)] > row[best] - halves[static_cast<std::size_t>(best)]) best = c;
      }
      found.cluster[static_cast<std::size_t>(first + i)] = static_cast<std::int32_t>(best);
      found.distance[static_cast<std::size_t>(first + i)] =
          exact_distance(block + i * rows.cols(), centers.data + best * rows.cols(), rows.cols(), rows.spherical());
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

  std::vector<float> draw(std::int64_t clusters) {
    const int trials = 2 + static_cast<int>(std::log(static_cast<double>(clusters)));
    std::vector<float> centers;
    add(centers, {static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(rows_.size())))});
    while (static_cast<std::int64_t>(centers.size()) < clusters * rows_.cols()) {
      const double potential = total(nearest_);
      std::vector<std::int64_t> candidates;
      for (int t = 0; t < trials; ++t) candidates.push_back(draw_position(nearest_, rng_.uniform() * potential));
      add(centers, candidates);
    }
    return centers;
  }

 private:
  /// Appends the candidate that leaves the least potential.
  void add(std::vector<float>& centers, const std::vector<std::int64_t>& candidates) {
    const auto count = static_cast<std::int64_t>(candidates.size());
    std::vector<float> vectors(static_cast<std::size_t>(count * rows_.cols()));
    for (std::int64_t t = 0; t < count; ++t)
      rows_.read(candidates[static_cast<std::size_t>(t)], 1, vectors.data() + t * rows_.cols());
    const MatrixView view{vectors.data(), count, rows_.cols()};
    std::vector<std::vector<float>> left(candidates.size(), nearest_);
    const auto squares = squared_lengths(view);
    for_products(rows_, view, [&](std::int64_t first, std::int64_t rows, const float* block, const float* products) {
      const auto own = squared_lengths({block, rows, rows_.cols()});
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t t = 0; t < count; ++t) {
          const double distance = own[static_cast<std::size_t>(i)] + squares[static_cast<std::size_t>(t)] -
                                  2.0 * static_cast<double>(products[i * count + t]);
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
    const auto begin = vectors.begin() + static_cast<std::ptrdiff_t>(chosen) * rows_.cols();
    centers.insert(centers.end(), begin, begin + rows_.cols());
  }

  const Prepared& rows_;
  Rng rng_;
  std::vector<float> nearest_;
};

std::vector<float> random_centers(const Prepared& rows, std::int64_t clusters, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(rows.size()));
  std::iota(order.begin(), order.end(), 0);
  Rng(seed, "baselines/kmeans/random").shuffle(order);
  std::vector<float> centers(static_cast<std::size_t>(clusters * rows.cols()));
  for (std::int64_t c = 0; c < clusters; ++c)
    rows.read(order[static_cast<std::size_t>(c)], 1, centers.data() + c * rows.cols());
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
double update_centers(const Prepared& rows, const Assignment& assigned, std::int64_t clusters,
                      std::vector<float>& centers) {
  const auto lists = members(assigned, clusters);
  std::vector<double> moves(static_cast<std::size_t>(clusters), 0.0);
  const std::int64_t cols = rows.cols();
  parallel_blocks(clusters, 1, [&](std::int64_t c, std::int64_t) {
    const auto& list = lists[static_cast<std::size_t>(c)];
    if (list.empty()) return;
    std::vector<double> sum(static_cast<std::size_t>(cols), 0.0);
    std::vector<float> row(static_cast<std::size_t>(cols));
    for (const auto i : list) {
      rows.read(i, 1, row.data());
      for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += row[j];
    }
    for (std::size_t j = 0; j < sum.size(); ++j) row[j] = static_cast<float>(sum[j] / static_cast<double>(list.size()));
    if (rows.spherical()) scale_to_one(row.data(), cols);
    if (rows.spherical() && std::all_of(row.begin(), row.end(), [](float v) { return v == 0; })) return;
    moves[static_cast<std::size_t>(c)] = exact_distance(row.data(), centers.data() + c * cols, cols, false);
    std::copy(row.begin(), row.end(), centers.begin() + c * cols);
  });
  return std::accumulate(moves.begin(), moves.end(), 0.0);
}

double mean_variance(const Prepared& rows) {
  double sum = 0;
  std::vector<float> row(static_cast<std::size_t>(rows.cols()));
  for (std::int64_t i = 0; i < rows.size(); ++i) {
    rows.read(i, 1, row.data());
    for (const float value : row) sum += static_cast<double>(value) * value;
  }
  return sum / static_cast<double>(rows.size() * rows.cols());
}

void run_lloyd(const Prepared& rows, const KMeansOptions& options, KMeansResult& result) {
  const MatrixView centers = result.center_rows(rows.cols());
  double enough = options.tolerance;
  if (enough > 0 && !rows.spherical()) enough *= mean_variance(rows);
  result.rows = nearest(rows, centers);
  while (!result.converged && result.iterations < options.max_iterations) {
    ++result.iterations;
    if (options.empty == EmptyCluster::kFarthest) fill_empty(result.rows, result.clusters);
    const double moved = update_centers(rows, result.rows, result.clusters, result.centers);
    auto next = nearest(rows, centers);
    result.converged = next.cluster == result.rows.cluster || moved <= enough;
    result.rows = std::move(next);
  }
}

/// Each step moves the centres of a drawn batch towards its rows, by 1 / rows that a centre has seen.
void run_batches(const Prepared& rows, const KMeansOptions& options, std::uint64_t seed, KMeansResult& result) {
  Rng rng(seed, "baselines/kmeans/batch");
  const std::int64_t cols = rows.cols(), steps = (rows.size() + options.batch - 1) / options.batch;
  std::vector<double> seen(static_cast<std::size_t>(result.clusters), 0.0);
  std::vector<float> batch(static_cast<std::size_t>(options.batch * cols));
  for (std::int64_t step = 0; step < steps * options.max_iterations; ++step) {
    for (std::int64_t i = 0; i < options.batch; ++i)
      rows.read(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(rows.size()))), 1,
                batch.data() + i * cols);
    const MatrixView view{batch.data(), options.batch, cols};
    const auto assigned = assign_rows(view, result.center_rows(cols), rows.spherical());
    for (std::int64_t i = 0; i < options.batch; ++i) {
      const auto c = static_cast<std::size_t>(assigned.cluster[static_cast<std::size_t>(i)]);
      const auto rate = static_cast<float>(1 / (seen[c] += 1));
      float* center = result.centers.data() + static_cast<std::int64_t>(c) * cols;
      for (std::int64_t j = 0; j < cols; ++j) center[j] += rate * (view.data[i * cols + j] - center[j]);
    }
    for (std::int64_t c = 0; rows.spherical() && c < result.clusters; ++c)
      scale_to_one(result.centers.data() + c * cols, cols);
  }
  result.iterations = options.max_iterations;
  result.rows = nearest(rows, result.center_rows(cols));
}

}  // namespace

Assignment assign_rows(MatrixView rows, MatrixView centers, bool spherical) {
  const Prepared prepared(rows, spherical);
  std::vector<float> moved(static_cast<std::size_t>(centers.rows * centers.cols));
  prepared.prepare(centers, moved.data());
  return nearest(prepared, {moved.data(), centers.rows, centers.cols});
}

std::vector<std::vector<std::int64_t>> members(const Assignment& rows, std::int64_t clusters) {
  std::vector<std::vector<std::int64_t>> lists(static_cast<std::size_t>(clusters));
  for (std::size_t i = 0; i < rows.cluster.size(); ++i)
    lists[static_cast<std::size_t>(rows.cluster[i])].push_back(static_cast<std::int64_t>(i));
  return lists;
}

KMeansResult kmeans(MatrixView rows, const KMeansOptions& options, std::uint64_t seed, std::span<const float> initial) {
  SCALSELECT_CHECK(rows.rows >= 1 && options.clusters >= 1);
  const Prepared prepared(rows, options.spherical);
  KMeansResult result;
  if (!initial.empty()) {
    result.clusters = static_cast<std::int64_t>(initial.size()) / rows.cols;
    result.centers.resize(initial.size());
    prepared.prepare({initial.data(), result.clusters, rows.cols}, result.centers.data());
  } else {
    result.clusters = std::min(options.clusters, rows.rows);
    result.centers = options.init == KMeansInit::kRandom ? random_centers(prepared, result.clusters, seed)
                                                         : PlusPlus(prepared, seed).draw(result.clusters);
  }
  if (options.batch > 0) run_batches(prepared, options, seed, result);
  else run_lloyd(prepared, options, result);
  prepared.restore(result.centers);
  result.sizes = sizes_of(result.rows, result.clusters);
  result.inertia = total(result.rows.distance);
  for (const auto size : result.sizes) result.imbalance += static_cast<double>(size) * static_cast<double>(size);
  result.imbalance *= static_cast<double>(result.clusters) / std::pow(static_cast<double>(rows.rows), 2);
  return result;
}

}  // namespace scalselect
