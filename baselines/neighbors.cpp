#include "baselines/neighbors.h"

#include <algorithm>
#include <cmath>

#include "baselines/inner_products.h"
#include "core/parallel.h"
#include "selector/linalg.h"

namespace scalselect {
namespace {

constexpr std::int64_t kRows = 128;
constexpr std::int64_t kOthers = 1024;
/// Candidates kept beyond those asked for, so that rounding in BLAS decides nothing at the edge.
constexpr std::int64_t kSlack = 8;

struct Candidate {
  float score;  ///< larger is nearer
  std::int32_t row;
  bool operator<(const Candidate& other) const { return score != other.score ? score > other.score : row < other.row; }
};

/// The best few candidates seen, worst on top.
class Best {
 public:
  void reset(std::int64_t limit) {
    limit_ = static_cast<std::size_t>(limit);
    heap_.clear();
  }
  void offer(Candidate candidate) {
    if (heap_.size() < limit_) {
      heap_.push_back(candidate);
      std::push_heap(heap_.begin(), heap_.end());
    } else if (candidate < heap_.front()) {
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.back() = candidate;
      std::push_heap(heap_.begin(), heap_.end());
    }
  }
  std::vector<Candidate>& candidates() { return heap_; }

 private:
  std::size_t limit_ = 0;
  std::vector<Candidate> heap_;
};

float distance(const float* a, const float* b, std::int64_t d) {
  double sum = 0;
  for (std::int64_t j = 0; j < d; ++j) {
    const double difference = static_cast<double>(a[j]) - b[j];
    sum += difference * difference;
  }
  return static_cast<float>(std::sqrt(sum));
}

/// Neighbour lists of the rows [begin, end).
class BlockSearch {
 public:
  /// `moved`: the rows whose products are taken; `halves` come off them.
  BlockSearch(const TableRows& table, const float* moved, const std::vector<float>& halves, Closeness closeness,
              bool self)
      : table_(table), moved_(moved), halves_(halves), closeness_(closeness), self_(self) {}

  void run(std::int64_t begin, std::int64_t end, Neighbors& out) {
    best_.resize(static_cast<std::size_t>(end - begin));
    for (auto& best : best_) best.reset(std::min(out.count + kSlack, table_.size() - (self_ ? 0 : 1)));
    std::vector<float> products(static_cast<std::size_t>((end - begin) * kOthers));
    for (std::int64_t first = 0; first < table_.size(); first += kOthers) {
      const std::int64_t count = std::min(kOthers, table_.size() - first);
      inner_products(moved_ + begin * table_.cols, end - begin, moved_ + first * table_.cols, count, table_.cols,
                     products.data());
      for (std::int64_t i = begin; i < end; ++i) offer(i, first, count, products.data() + (i - begin) * count, begin);
    }
    for (std::int64_t i = begin; i < end; ++i) settle(i, best_[static_cast<std::size_t>(i - begin)], out);
  }

 private:
  void offer(std::int64_t i, std::int64_t first, std::int64_t count, const float* products, std::int64_t begin) {
    Best& best = best_[static_cast<std::size_t>(i - begin)];
    for (std::int64_t j = 0; j < count; ++j) {
      const std::int64_t row = first + j;
      if (row == i && !self_) continue;
      best.offer({products[j] - halves_[static_cast<std::size_t>(row)], static_cast<std::int32_t>(row)});
    }
  }

  /// Orders the candidates by values computed again, and writes the first ones.
  void settle(std::int64_t i, Best& best, Neighbors& out) const {
    auto& found = best.candidates();
    for (auto& candidate : found) {
      const float* other = table_.row(candidate.row);
      candidate.score = closeness_ == Closeness::kProduct ? dot(table_.row(i), other, table_.cols)
                                                          : -distance(table_.row(i), other, table_.cols);
    }
    std::sort(found.begin(), found.end());
    for (std::int64_t j = 0; j < out.count; ++j) {
      const auto at = static_cast<std::size_t>(i * out.count + j);
      const auto& candidate = found[static_cast<std::size_t>(j)];
      out.rows[at] = candidate.row;
      out.values[at] = closeness_ == Closeness::kProduct ? candidate.score : -candidate.score;
    }
  }

  const TableRows& table_;
  const float* moved_;
  const std::vector<float>& halves_;
  Closeness closeness_;
  bool self_;
  std::vector<Best> best_;
};

/// The rows moved to where their mean is 0: distances stay, and float32 products keep them apart.
std::vector<float> centered(const TableRows& table) {
  std::vector<double> mean(static_cast<std::size_t>(table.cols), 0.0);
  for (std::size_t at = 0; at < table.values.size(); ++at) mean[at % mean.size()] += table.values[at];
  std::vector<float> values = table.values;
  for (std::size_t at = 0; at < values.size(); ++at)
    values[at] -= static_cast<float>(mean[at % mean.size()] / static_cast<double>(table.size()));
  return values;
}

}  // namespace

Neighbors nearest_neighbors(const TableRows& table, std::int64_t count, Closeness closeness, bool self) {
  Neighbors out;
  out.count = std::min(count, table.size() - (self ? 0 : 1));
  out.rows.resize(static_cast<std::size_t>(table.size() * out.count));
  out.values.resize(out.rows.size());
  // The nearest row is the one of the largest <x, y> - |y|^2 / 2.
  std::vector<float> halves(static_cast<std::size_t>(table.size()), 0.0F), moved;
  if (closeness == Closeness::kDistance) {
    moved = centered(table);
    const auto squares = squared_lengths({moved.data(), table.size(), table.cols});
    std::transform(squares.begin(), squares.end(), halves.begin(), [](double s) { return static_cast<float>(s / 2); });
  }
  const OneThreadLinalg one_thread;
  parallel_blocks(table.size(), kRows, [&](std::int64_t begin, std::int64_t end) {
    BlockSearch(table, moved.empty() ? table.values.data() : moved.data(), halves, closeness, self)
        .run(begin, end, out);
  });
  return out;
}

}  // namespace scalselect
