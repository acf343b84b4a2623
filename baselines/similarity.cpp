#include "baselines/similarity.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"

namespace scalselect {
namespace {

constexpr std::int64_t kTile = 256;
constexpr std::int64_t kBlock = 1024;

/// 1 / mean of |x - y|^2 over all pairs, which is twice the summed variance; 1 if all rows are equal.
double default_gamma(const TableRows& table) {
  const auto size = static_cast<double>(table.size());
  const Eigen::RowVectorXd mean = sum_of_rows(table.matrix()) / size;
  double spread = 0;
  for (Eigen::Index i = 0; i < table.size(); ++i) spread += (table.matrix().row(i).cast<double>() - mean).squaredNorm();
  return spread > 0 ? size / (2 * spread) : 1;
}

}  // namespace

Similarity::Similarity(const TableRows& table, const SimilarityOptions& options)
    : table_(table), metric_(options.metric) {
  if (metric_ == Metric::kRbf) gamma_ = options.gamma ? *options.gamma : default_gamma(table);
}

float Similarity::at(std::int64_t i, std::int64_t j) const {
  const float *x = table_.row(i), *y = table_.row(j);
  if (metric_ != Metric::kRbf) {
    float product = dot(x, y, table_.cols);
    if (i == j && metric_ != Metric::kDot && product > 0) product = 1;
    return metric_ == Metric::kCosineShifted ? 0.5F + 0.5F * product : product;
  }
  return static_cast<float>(std::exp(-gamma_ * static_cast<double>(squared_distance(x, y, table_.cols))));
}

void Similarity::column(std::int64_t j, float* out) const {
  parallel_blocks(size(), kBlock, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) out[i] = at(i, j);
  });
}

std::vector<double> Similarity::column_sums() const {
  const Eigen::RowVectorXd whole = metric_ == Metric::kRbf ? Eigen::RowVectorXd() : sum_of_rows(table_.matrix());
  std::vector<double> sums(static_cast<std::size_t>(size()), 0.0);
  parallel_blocks(size(), kTile, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      double& sum = sums[static_cast<std::size_t>(j)];
      if (metric_ == Metric::kRbf) {
        for (std::int64_t i = 0; i < size(); ++i) sum += static_cast<double>(at(i, j));
        continue;
      }
      sum = whole.dot(table_.matrix().row(j).cast<double>());
      if (metric_ == Metric::kCosineShifted) sum = 0.5 * (sum + static_cast<double>(size()));
    }
  });
  return sums;
}

std::vector<float> similarity_matrix(const Similarity& similarity, std::string_view method) {
  const std::int64_t n = similarity.size();
  require_memory(4.0 * static_cast<double>(n) * static_cast<double>(n), method);
  std::vector<float> matrix(static_cast<std::size_t>(n * n));
  // Tiles on and below the diagonal, each written to both sides.
  parallel_blocks(n, kTile, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = 0; first <= begin; first += kTile) {
      for (std::int64_t i = begin; i < end; ++i) {
        for (std::int64_t j = first; j < std::min(first + kTile, i + 1); ++j)
          matrix[static_cast<std::size_t>(i * n + j)] = matrix[static_cast<std::size_t>(j * n + i)] =
              similarity.at(i, j);
      }
    }
  });
  return matrix;
}

}  // namespace scalselect
