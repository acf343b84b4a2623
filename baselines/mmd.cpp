#include "baselines/mmd.h"

#include <cmath>

#include "core/check.h"

namespace scalselect {
namespace {

/// Kernel between members, by their places; symmetric to the bit, so that equal rows tie exactly.
class Kernel {
 public:
  Kernel(const TableRows& table, std::span<const std::int64_t> members, double sigma)
      : rows_(static_cast<std::int64_t>(members.size()), table.cols), scale_(-0.5 / (sigma * sigma)) {
    for (Eigen::Index i = 0; i < rows_.rows(); ++i)
      rows_.row(i) = table.matrix().row(members[static_cast<std::size_t>(i)]).cast<double>();
    squares_ = rows_.rowwise().squaredNorm();
  }

  double operator()(std::size_t first, std::size_t second) const {
    const auto a = static_cast<Eigen::Index>(first), b = static_cast<Eigen::Index>(second);
    return std::exp(scale_ * (squares_(a) + squares_(b) - 2 * rows_.row(a).dot(rows_.row(b))));
  }

 private:
  RowMajorMatrixXd rows_;
  double scale_;
  Eigen::VectorXd squares_;
};

}  // namespace

std::vector<double> kernel_means(const TableRows& table, std::span<const std::int64_t> members, double sigma) {
  const Kernel kernel(table, members, sigma);
  std::vector<double> means(members.size(), 0.0);
  for (std::size_t a = 0; a < members.size(); ++a) {
    for (std::size_t b = 0; b < members.size(); ++b) means[a] += kernel(a, b);
    means[a] /= static_cast<double>(members.size());
  }
  return means;
}

std::vector<std::int64_t> greedy_mmd(const TableRows& table, std::span<const std::int64_t> members,
                                     std::span<const double> means, std::int64_t count, double sigma) {
  SCALSELECT_CHECK(count <= static_cast<std::int64_t>(members.size()));
  const Kernel kernel(table, members, sigma);
  std::vector<double> to_taken(members.size(), 0.0);  // sum of kernels with the rows taken
  std::vector<bool> taken(members.size(), false);
  double among_taken = 0, taken_means = 0;  // sums over the rows taken: of their kernels, of their means
  std::vector<std::int64_t> picks;
  while (static_cast<std::int64_t>(picks.size()) < count) {
    const double size = static_cast<double>(picks.size()) + 1;
    std::size_t best = members.size();
    double lowest = 0;
    for (std::size_t c = 0; c < members.size(); ++c) {
      if (taken[c]) continue;
      // mean(K) is the same for all; k(c, c) = 1.
      const double change = (among_taken + 2 * to_taken[c] + 1) / (size * size) - 2 * (taken_means + means[c]) / size;
      if (best == members.size() || change < lowest) {
        best = c;
        lowest = change;
      }
    }
    taken[best] = true;
    picks.push_back(members[best]);
    among_taken += 2 * to_taken[best] + 1;
    taken_means += means[best];
    for (std::size_t c = 0; c < members.size(); ++c) to_taken[c] += kernel(c, best);
  }
  return picks;
}

}  // namespace scalselect
