// Leverage with diversity: ScalSelect's subspace, rows chosen by column-pivoted QR instead of by leverage alone
// (deterministic CUR; the pivots of Golub 1965, as in Q-DEIM, Drmac and Gugercin 2016).
//
// u_i = row i of U_k. Take the row with the largest |u_i| (the top leverage), remove its direction from all u, and so
// on: a row like one already taken has nothing left. After k rows, or when nothing is left, the directions are used up
// and another round begins on the rows not yet taken, with their whole u again. Ties by ascending row. Every budget is
// a prefix.
#include <algorithm>
#include <cmath>
#include <functional>

#include "baselines/leverage_options.h"
#include "baselines/registry.h"
#include "core/parallel.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlock = 4096;
constexpr double kNothing = 1e-20;  // of the round's first squared length: rounding, no direction

/// Rows of coordinates, some taken, the others with what the round's pivots have left of them.
class Pivots {
 public:
  /// `whole`: n x k.
  Pivots(std::vector<double> whole, std::int64_t k)
      : k_(k), whole_(std::move(whole)), left_(whole_), taken_(whole_.size() / static_cast<std::size_t>(k), false) {
    best_.resize((taken_.size() + kBlock - 1) / kBlock);
    sweep(nullptr);
  }

  std::int64_t size() const { return static_cast<std::int64_t>(taken_.size()); }

  /// Takes the next row; -1 if all rows left are zero even at the beginning of a round.
  std::int64_t next() {
    Best best = longest();
    if (in_round_ == k_ || best.square <= kNothing * first_) {
      left_ = whole_;
      in_round_ = 0;
      sweep(nullptr);
      best = longest();
    }
    if (best.square <= 0) return -1;
    if (in_round_ == 0) first_ = best.square;
    ++in_round_;
    taken_[static_cast<std::size_t>(best.row)] = true;
    const double* row = left_.data() + best.row * k_;
    std::vector<double> direction(row, row + k_);
    for (double& value : direction) value /= std::sqrt(best.square);
    sweep(direction.data());
    return best.row;
  }

 private:
  struct Best {
    std::int64_t row = -1;
    double square = 0;
  };

  Best longest() const {
    Best best;
    for (const auto& block : best_) {
      if (block.square > best.square) best = block;
    }
    return best;
  }

  /// Removes `direction` (unit length; null: nothing) from what is left and finds each block's longest row.
  void sweep(const double* direction) {
    parallel_blocks(size(), kBlock, [&](std::int64_t begin, std::int64_t end) {
      Best best;
      for (std::int64_t i = begin; i < end; ++i) {
        if (taken_[static_cast<std::size_t>(i)]) continue;
        double* row = left_.data() + i * k_;
        if (direction != nullptr) remove(direction, row);
        double square = 0;
        for (std::int64_t j = 0; j < k_; ++j) square += row[j] * row[j];
        if (square > best.square) best = {i, square};
      }
      best_[static_cast<std::size_t>(begin / kBlock)] = best;
    });
  }

  void remove(const double* direction, double* row) const {
    double along = 0;
    for (std::int64_t j = 0; j < k_; ++j) along += direction[j] * row[j];
    for (std::int64_t j = 0; j < k_; ++j) row[j] -= along * direction[j];
  }

  std::int64_t k_, in_round_ = 0;
  double first_ = 0;
  std::vector<double> whole_, left_;
  std::vector<bool> taken_;
  std::vector<Best> best_;
};

/// The candidates' coordinates. Candidates are rows of the table; those excluded from scoring have zeros.
std::vector<double> coordinates_of(const FeatureTable& table, const std::vector<std::int64_t>& candidates,
                                   const std::vector<double>& all, std::int64_t k) {
  std::vector<double> chosen;
  for (const auto row : candidates) {
    const auto at = std::lower_bound(table.rows.begin(), table.rows.end(), row) - table.rows.begin();
    chosen.insert(chosen.end(), all.begin() + at * k, all.begin() + (at + 1) * k);
  }
  return chosen;
}

SelectionResult select(const LeverageOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto& table = input.features.at(0);
  SubspaceDetails details;
  const auto scored = score_rows(*table.vectors, options.features.subspace, &details);
  SelectionResult result;
  result.scores = by_pool_row(table.rows, scored.scores, input.pool_size);
  result.facts = subspace_facts(scored);
  std::vector<bool> taken(input.candidates.size(), false);
  if (scored.directions > 0) {
    Pivots pivots(coordinates_of(table, input.candidates, details.coordinates, scored.directions), scored.directions);
    for (std::int64_t i = 0; std::ssize(result.rows) < budget && (i = pivots.next()) >= 0;) {
      taken[static_cast<std::size_t>(i)] = true;
      result.rows.push_back(input.candidates[static_cast<std::size_t>(i)]);
    }
  }
  for (std::size_t i = 0; i < taken.size() && std::ssize(result.rows) < budget; ++i) {
    if (!taken[i]) result.rows.push_back(input.candidates[i]);  // rows at the mean: no direction of their own
  }
  return result;
}

Method make(const LeverageOptions& options) {
  return {.needs = {scalselect_feature(options.features)},
          .budget_use = BudgetUse::kPrefix,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry scalselect_pivoted_entry() {
  return method_entry("scalselect_pivoted",
                      "ScalSelect's subspace by pivoted QR: leverage in the directions that no row taken so far spans",
                      "scalselect's, then time O(M N k), memory 16 N k bytes (k directions)",
                      "variant of arXiv 2602.11636; deterministic CUR by pivoted QR", make);
}

}  // namespace scalselect
