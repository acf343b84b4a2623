// k-center greedy (farthest-point traversal, Gonzalez 1985; core-sets, Sener and Savarese 2018) on ScalSelect's
// features.
//
// The first centre is the row with the longest vector (arXiv 2608.30209), or one drawn by the seed. Then,
// repeatedly, the row farthest from its nearest centre, Euclidean, ties by ascending row. Only the running minimum is
// kept.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "baselines/registry.h"
#include "baselines/table_rows.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlock = 4096;

enum class First { kLongest, kRandom };

struct KCenterOptions {
  bool normalize = true;
  First first = First::kLongest;
  ScalSelectOptions features;

  template <class Visitor>
  static void describe(Visitor& v, KCenterOptions& o) {
    v.field("normalize", o.normalize, "scale vectors to length 1 before distances are taken");
    v.choice("first", o.first, {{"longest", First::kLongest}, {"random", First::kRandom}},
             "first centre: the longest vector, or one drawn by the seed");
    v.field("features", o.features, "vectors to cover; the options of scalselect (its subspace is not used)");
  }
};

/// Farther from the centres, or the earlier of two equally far ones.
struct Farthest {
  std::int64_t row = -1;
  float distance = -1;
  void offer(std::int64_t candidate, float candidate_distance) {
    if (candidate_distance > distance || (candidate_distance == distance && candidate < row)) {
      row = candidate;
      distance = candidate_distance;
    }
  }
};

/// Squared distances to the nearest centre, relaxed one centre at a time.
class Cover {
 public:
  explicit Cover(const TableRows& table)
      : table_(table),
        nearest_(static_cast<std::size_t>(table.size()), std::numeric_limits<float>::infinity()),
        squares_(nearest_.size()),
        best_(static_cast<std::size_t>((table.size() + kBlock - 1) / kBlock)) {
    for (std::int64_t i = 0; i < table.size(); ++i) {
      squares_[static_cast<std::size_t>(i)] = dot(table.row(i), table.row(i), table.cols);
    }
  }

  /// Takes `center` and returns the row that is now farthest away.
  Farthest add(std::int64_t center) {
    const float* center_row = table_.row(center);
    const float center_square = squares_[static_cast<std::size_t>(center)];
    nearest_[static_cast<std::size_t>(center)] = -1;  // never again
    parallel_blocks(table_.size(), kBlock, [&](std::int64_t begin, std::int64_t end) {
      Farthest best;
      for (std::int64_t i = begin; i < end; ++i) {
        float& nearest = nearest_[static_cast<std::size_t>(i)];
        if (nearest < 0) continue;
        const float product = dot(table_.row(i), center_row, table_.cols);
        nearest =
            std::min(nearest, std::max(0.0F, squares_[static_cast<std::size_t>(i)] + center_square - 2 * product));
        best.offer(i, nearest);
      }
      best_[static_cast<std::size_t>(begin / kBlock)] = best;
    });
    Farthest best;
    for (const auto& block : best_) best.offer(block.row, block.distance);
    return best;
  }

 private:
  const TableRows& table_;
  std::vector<float> nearest_, squares_;
  std::vector<Farthest> best_;
};

std::int64_t first_center(const KCenterOptions& options, const MethodInput& input) {
  if (options.first == First::kRandom) {
    return static_cast<std::int64_t>(Rng(input.seed, "baselines/k_center").below(input.candidates.size()));
  }
  const auto table = load_rows(input.features.at(0), input.candidates, false, "k_center");
  Farthest longest;
  for (std::int64_t i = 0; i < table.size(); ++i) longest.offer(i, dot(table.row(i), table.row(i), table.cols));
  return longest.row;
}

SelectionResult select(const KCenterOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto first = first_center(options, input);
  const auto table = load_rows(input.features.at(0), input.candidates, options.normalize, "k_center");
  Cover cover(table);
  SelectionResult result;
  float radius = 0;
  for (std::int64_t center = first; static_cast<std::int64_t>(result.rows.size()) < budget;) {
    result.rows.push_back(table.rows[static_cast<std::size_t>(center)]);
    const auto farthest = cover.add(center);
    center = farthest.row;
    radius = std::max(farthest.distance, 0.0F);
  }
  result.facts["radius"] = std::sqrt(radius);
  return result;
}

Method make(const KCenterOptions& options) {
  return {.needs = {scalselect_feature(options.features)},
          .budget_use = BudgetUse::kPrefix,
          .uses_seed = options.first == First::kRandom,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry k_center_entry() {
  return method_entry("k_center", "greedy cover: always the row farthest from those taken",
                      "time O(M N d), memory N d floats; ScalSelect's features", "Sener and Savarese, arXiv 1708.00489",
                      make);
}

}  // namespace scalselect
