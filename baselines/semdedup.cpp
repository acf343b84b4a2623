// SemDeDup (arXiv 2303.09540): within each spherical k-means cluster, rows that repeat an earlier one are dropped
// first.
//
// The rows of a cluster are ordered by their cosine with its centre, smallest first (keep=hard), largest first
// (keep=easy) or as drawn (keep=random). A row's redundancy is its largest cosine with any row before it in its
// cluster, whether that one is kept or not, at least 0; the first has redundancy 0. The authors keep rows of redundancy
// <= 1 - epsilon and tune epsilon to the budget; here the score is 1 - redundancy and the budget takes the best scores,
// which is the same set with the epsilon that fits exactly (facts: lowest_score).
#include <algorithm>
#include <functional>

#include "baselines/kmeans.h"
#include "baselines/registry.h"
#include "baselines/table_rows.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "selector/linalg.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

constexpr std::int64_t kTile = 512;

enum class Keep { kHard, kEasy, kRandom };

struct SemDeDupOptions {
  std::int64_t clusters = 0;
  int iterations = 50;
  Keep keep = Keep::kHard;
  ScalSelectOptions features;

  template <class Visitor>
  static void describe(Visitor& v, SemDeDupOptions& o) {
    v.field("clusters", o.clusters, "clusters of spherical k-means; 0 = the square root of the number of rows",
            Range{0, 1e6});
    v.field("iterations", o.iterations, "maximum number of passes of k-means", Range{1, 1e6});
    v.choice("keep", o.keep, {{"hard", Keep::kHard}, {"easy", Keep::kEasy}, {"random", Keep::kRandom}},
             "which of several similar rows is kept: far from the centre, near it, or any");
    v.field("features", o.features, "vectors to compare; the options of scalselect (its subspace is not used)");
  }
};

/// Largest cosine of each of `list`'s rows with any before it, at least 0. BLAS finds the row, `dot` gives the cosine.
std::vector<float> redundancies(const TableRows& table, const std::vector<std::int64_t>& list) {
  const auto size = static_cast<std::int64_t>(list.size());
  RowMajorMatrixXf gathered(size, table.cols), products;
  for (std::int64_t i = 0; i < size; ++i) gathered.row(i) = table.matrix().row(list[static_cast<std::size_t>(i)]);
  std::vector<float> largest(list.size(), 0.0F);
  std::vector<std::int64_t> nearest(list.size(), -1);
  for (std::int64_t first = 0; first < size; first += kTile) {
    const std::int64_t rows = std::min(kTile, size - first);
    for (std::int64_t other = 0; other <= first; other += kTile) {
      const std::int64_t cols = std::min(kTile, size - other);
      products.noalias() = gathered.middleRows(first, rows) * gathered.middleRows(other, cols).transpose();
      for (std::int64_t i = 0; i < rows; ++i) {
        const auto row = static_cast<std::size_t>(first + i);
        for (std::int64_t j = 0; j < std::min(cols, first + i - other); ++j) {
          if (products(i, j) <= largest[row]) continue;
          largest[row] = products(i, j);
          nearest[row] = other + j;
        }
      }
    }
  }
  for (std::int64_t i = 0; i < size; ++i) {
    if (const auto j = nearest[static_cast<std::size_t>(i)]; j >= 0)
      largest[static_cast<std::size_t>(i)] =
          std::max(0.0F, dot(gathered.row(i).data(), gathered.row(j).data(), table.cols));
  }
  return largest;
}

std::vector<std::vector<std::int64_t>> ordered_members(const SemDeDupOptions& options, const KMeansResult& clustering,
                                                       std::uint64_t seed) {
  auto lists = cluster_members(clustering.rows, clustering.clusters);
  Rng rng(seed, "baselines/semdedup");
  const float sign = options.keep == Keep::kHard ? -1.0F : 1.0F;
  const auto before = [&](std::int64_t a, std::int64_t b) {
    const auto& distance = clustering.rows.distance;
    return sign * distance[static_cast<std::size_t>(a)] < sign * distance[static_cast<std::size_t>(b)];
  };
  for (auto& list : lists) {
    if (options.keep == Keep::kRandom) rng.shuffle(list);
    else std::stable_sort(list.begin(), list.end(), before);
  }
  return lists;
}

SelectionResult select(const SemDeDupOptions& options, const MethodInput& input, std::int64_t) {
  const auto table = load_rows(input.features.at(0), input.candidates, true, "semdedup");
  const auto clustering =
      kmeans(table.view(), {.clusters = options.clusters, .spherical = true, .max_iterations = options.iterations},
             input.seed);
  const auto lists = ordered_members(options, clustering, input.seed);
  std::vector<double> scores(table.rows.size());
  parallel_blocks(clustering.clusters, 1, [&](std::int64_t c, std::int64_t) {
    const auto& list = lists[static_cast<std::size_t>(c)];
    const auto redundancy = redundancies(table, list);
    for (std::size_t i = 0; i < list.size(); ++i)
      scores[static_cast<std::size_t>(list[i])] = 1 - static_cast<double>(redundancy[i]);
  });
  SelectionResult result;
  result.scores = by_pool_row(table.rows, scores, input.pool_size);
  result.facts["clusters"] = clustering.clusters;
  result.facts["imbalance"] = clustering.imbalance;
  return result;
}

Method make(const SemDeDupOptions& options) {
  return {.needs = {scalselect_feature(options.features)},
          .budget_use = BudgetUse::kScores,
          .uses_seed = true,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry semdedup_entry() {
  return method_entry(
      "semdedup", "near-duplicates within k-means clusters are dropped first",
      "time O(N K d) per pass of k-means + O(sum n_c^2 d) over clusters of n_c rows, memory 2 N d + K d floats; "
      "ScalSelect's features",
      "Abbas et al., arXiv 2303.09540; repository facebookresearch/SemDeDup", make);
}

}  // namespace scalselect
