#include "baselines/similarity.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/parallel.h"

namespace scalselect {
namespace {

constexpr std::int64_t kTile = 256;
constexpr std::int64_t kBlock = 1024;

/// Summed like `dot`.
float squared_distance(const float* a, const float* b, std::int64_t d) {
  std::array<float, 8> sums{};
  std::int64_t j = 0;
  for (; j + 8 <= d; j += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) {
      const float difference = a[j + static_cast<std::int64_t>(lane)] - b[j + static_cast<std::int64_t>(lane)];
      sums[lane] += difference * difference;
    }
  }
  for (; j < d; ++j) sums[0] += (a[j] - b[j]) * (a[j] - b[j]);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

/// The sum of all rows.
std::vector<double> sum_of_rows(const TableRows& table) {
  std::vector<double> sum(static_cast<std::size_t>(table.cols), 0.0);
  for (std::int64_t i = 0; i < table.size(); ++i) {
    for (std::int64_t j = 0; j < table.cols; ++j) sum[static_cast<std::size_t>(j)] += table.row(i)[j];
  }
  return sum;
}

/// 1 / mean of |x - y|^2 over all pairs, which is twice the summed variance; 1 if all rows are equal.
double default_gamma(const TableRows& table) {
  const auto mean = sum_of_rows(table);
  double spread = 0;
  for (std::int64_t i = 0; i < table.size(); ++i) {
    for (std::int64_t j = 0; j < table.cols; ++j)
      spread += std::pow(table.row(i)[j] - mean[static_cast<std::size_t>(j)] / static_cast<double>(table.size()), 2);
  }
  return spread > 0 ? static_cast<double>(table.size()) / (2 * spread) : 1;
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
  const auto whole = metric_ == Metric::kRbf ? std::vector<double>() : sum_of_rows(table_);
  std::vector<double> sums(static_cast<std::size_t>(size()), 0.0);
  parallel_blocks(size(), kTile, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      double& sum = sums[static_cast<std::size_t>(j)];
      if (metric_ == Metric::kRbf) {
        for (std::int64_t i = 0; i < size(); ++i) sum += static_cast<double>(at(i, j));
        continue;
      }
      for (std::int64_t c = 0; c < table_.cols; ++c) sum += whole[static_cast<std::size_t>(c)] * table_.row(j)[c];
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
