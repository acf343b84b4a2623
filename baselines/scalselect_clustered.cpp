// Cluster, then leverage: k-means on ScalSelect's vectors, a share of the budget for each cluster by its size, and
// within a cluster the rows of highest leverage in the whole pool's subspace. Keeps the extremes but takes them from
// everywhere.
//
// Shares follow Webster's rule: the row of rank r in a cluster of n rows comes at (r + 1/2) / n, smallest first, ties
// by higher leverage, then ascending row. So every budget is a prefix and each cluster's part is proportional to its
// size within rounding.
#include <algorithm>
#include <functional>

#include "baselines/kmeans.h"
#include "baselines/registry.h"
#include "baselines/table_rows.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

struct ClusteredOptions {
  std::int64_t clusters = 100;
  int iterations = 50;
  bool normalize = false;
  ScalSelectOptions features;

  template <class Visitor>
  static void describe(Visitor& v, ClusteredOptions& o) {
    v.field("clusters", o.clusters, "number of clusters (fewer if the pool is smaller)", Range{1, 1e8});
    v.field("iterations", o.iterations, "passes of k-means", Range{0, 1e4});
    v.field("normalize", o.normalize, "cluster by direction (spherical k-means) instead of by distance");
    v.field("features", o.features, "vectors and subspace; the options of scalselect");
  }
};

/// A row's turn: rows are taken in this order.
struct Turn {
  double at, leverage;
  std::int64_t row;
  bool operator<(const Turn& o) const {
    if (at != o.at) return at < o.at;
    return leverage != o.leverage ? leverage > o.leverage : row < o.row;
  }
};

SelectionResult select(const ClusteredOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto& features = input.features.at(0);
  const auto scored = score_rows(*features.vectors, options.features.subspace);
  const auto table = load_rows(features, input.candidates, false, "scalselect_clustered");
  const auto clusters = kmeans(
      table.view(),
      {.clusters = options.clusters, .spherical = options.normalize, .max_iterations = options.iterations}, input.seed);

  SelectionResult result;
  result.scores = by_pool_row(features.rows, scored.scores, input.pool_size);
  std::vector<Turn> turns;
  for (const auto& group : cluster_members(clusters.rows, clusters.clusters)) {
    std::vector<std::int64_t> rows;
    for (const auto i : group) rows.push_back(table.rows[static_cast<std::size_t>(i)]);
    if (rows.empty()) continue;
    const auto ranked = top_rows(result.scores, rows, std::ssize(rows));
    for (std::size_t rank = 0; rank < ranked.size(); ++rank) {
      const double at = (static_cast<double>(rank) + 0.5) / static_cast<double>(ranked.size());
      turns.push_back({at, result.scores[static_cast<std::size_t>(ranked[rank])], ranked[rank]});
    }
  }
  std::sort(turns.begin(), turns.end());
  for (std::int64_t i = 0; i < budget; ++i) result.rows.push_back(turns[static_cast<std::size_t>(i)].row);
  result.facts = subspace_facts(scored);
  result.facts["clusters"] = clusters.clusters;
  result.facts["imbalance"] = clusters.imbalance;
  return result;
}

Method make(const ClusteredOptions& options) {
  return {.needs = {scalselect_feature(options.features)},
          .budget_use = BudgetUse::kPrefix,
          .uses_seed = true,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry scalselect_clustered_entry() {
  return method_entry("scalselect_clustered", "the highest leverage of every cluster, by the clusters' sizes",
                      "scalselect's, then k-means O(N K d) per pass; memory N d floats (K clusters)",
                      "variant of arXiv 2602.11636", make);
}

}  // namespace scalselect
