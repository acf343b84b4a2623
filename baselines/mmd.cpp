#include "baselines/mmd.h"

#include <cmath>

#include "core/check.h"

namespace scalselect {
namespace {

/// Kernel between members, by their places; symmetric to the bit, so that equal rows tie exactly.
class Kernel {
 public:
  Kernel(const TableRows& table, std::span<const std::int64_t> members, double sigma)
      : table_(table), members_(members), scale_(-0.5 / (sigma * sigma)) {
    for (const auto member : members) squares_.push_back(wide_dot(table.row(member), table.row(member), table.cols));
  }

  double operator()(std::size_t a, std::size_t b) const {
    const double product = wide_dot(table_.row(members_[a]), table_.row(members_[b]), table_.cols);
    return std::exp(scale_ * (squares_[a] + squares_[b] - 2 * product));
  }

 private:
  const TableRows& table_;
  std::span<const std::int64_t> members_;
  double scale_;
  std::vector<double> squares_;
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
