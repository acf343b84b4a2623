#include "baselines/neighbors.h"

#include <algorithm>

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

/// Neighbour lists of the rows [begin, end).
class BlockSearch {
 public:
  /// `moved`: the rows whose products are taken; `halves` is subtracted from these.
  BlockSearch(const TableRows& table, const ConstRows& moved, const Eigen::RowVectorXf& halves, Closeness closeness,
              bool self)
      : table_(table), moved_(moved), halves_(halves), closeness_(closeness), self_(self) {}

  void run(std::int64_t begin, std::int64_t end, Neighbors& out) {
    best_.resize(static_cast<std::size_t>(end - begin));
    for (auto& best : best_) best.reset(std::min(out.count + kSlack, table_.size() - (self_ ? 0 : 1)));
    RowMajorMatrixXf scores(end - begin, std::min(kOthers, table_.size()));
    for (std::int64_t first = 0; first < table_.size(); first += kOthers) {
      const std::int64_t count = std::min(kOthers, table_.size() - first);
      auto block = scores.leftCols(count);
      block.noalias() = moved_.middleRows(begin, end - begin) * moved_.middleRows(first, count).transpose();
      block.rowwise() -= halves_.segment(first, count);
      for (std::int64_t i = begin; i < end; ++i) offer(i, first, count, scores.row(i - begin).data(), begin);
    }
    for (std::int64_t i = begin; i < end; ++i) settle(i, best_[static_cast<std::size_t>(i - begin)], out);
  }

 private:
  void offer(std::int64_t i, std::int64_t first, std::int64_t count, const float* scores, std::int64_t begin) {
    Best& best = best_[static_cast<std::size_t>(i - begin)];
    for (std::int64_t j = 0; j < count; ++j) {
      const std::int64_t row = first + j;
      if (row == i && !self_) continue;
      best.offer({scores[j], static_cast<std::int32_t>(row)});
    }
  }

  /// Orders the candidates by values computed again, and writes the first ones.
  void settle(std::int64_t i, Best& best, Neighbors& out) const {
    auto& found = best.candidates();
    const auto rows = table_.matrix();
    for (auto& candidate : found) {
      if (closeness_ == Closeness::kProduct)
        candidate.score = dot(table_.row(i), table_.row(candidate.row), table_.cols);
      else
        candidate.score =
            -static_cast<float>((rows.row(i).cast<double>() - rows.row(candidate.row).cast<double>()).norm());
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
  const ConstRows moved_;
  const Eigen::RowVectorXf& halves_;
  Closeness closeness_;
  bool self_;
  std::vector<Best> best_;
};

/// The rows moved to where their mean is 0: distances stay, and float32 products keep them apart.
RowMajorMatrixXf centered(const ConstRows& rows) {
  return rows.rowwise() - (sum_of_rows(rows) / static_cast<double>(rows.rows())).cast<float>();
}

}  // namespace

Neighbors nearest_neighbors(const TableRows& table, std::int64_t count, Closeness closeness, bool self) {
  Neighbors out;
  out.count = std::min(count, table.size() - (self ? 0 : 1));
  out.rows.resize(static_cast<std::size_t>(table.size() * out.count));
  out.values.resize(out.rows.size());
  // The nearest row is the one of the largest <x, y> - |y|^2 / 2.
  Eigen::RowVectorXf halves = Eigen::RowVectorXf::Zero(table.size());
  RowMajorMatrixXf moved;
  if (closeness == Closeness::kDistance) {
    moved = centered(table.matrix());
    halves = (moved.cast<double>().rowwise().squaredNorm() / 2).cast<float>().transpose();
  }
  const ConstRows rows(moved.size() == 0 ? table.values.data() : moved.data(), table.size(), table.cols);
  parallel_blocks(table.size(), kRows, [&](std::int64_t begin, std::int64_t end) {
    BlockSearch(table, rows, halves, closeness, self).run(begin, end, out);
  });
  return out;
}

}  // namespace scalselect
