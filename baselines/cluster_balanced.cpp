// Even sampling of clusters: k-means, then equally many rows of each cluster (allocation=equal; a cluster that runs out
// leaves its share to the others) or the same share of each (allocation=proportional: stratified sampling; Webster's
// apportionment, so that a smaller budget is a prefix of a larger one's result).
//
// Within a cluster rows are drawn by the seed, or taken nearest to the centre first.
#include <algorithm>
#include <functional>

#include "baselines/kmeans.h"
#include "baselines/registry.h"
#include "baselines/table_rows.h"
#include "core/rng.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

enum class Allocation { kEqual, kProportional };
enum class Within { kRandom, kCenter };

struct ClusterBalancedOptions {
  std::int64_t clusters = 0;
  bool spherical = true;
  int iterations = 50;
  Allocation allocation = Allocation::kEqual;
  Within within = Within::kRandom;
  ScalSelectOptions features;

  template <class Visitor>
  static void describe(Visitor& v, ClusterBalancedOptions& o) {
    v.field("clusters", o.clusters, "clusters of k-means; 0 = the square root of the number of rows", Range{0, 1e6});
    v.field("spherical", o.spherical, "cluster by cosine instead of Euclidean distance");
    v.field("iterations", o.iterations, "maximum number of passes of k-means", Range{1, 1e6});
    v.choice("allocation", o.allocation, {{"equal", Allocation::kEqual}, {"proportional", Allocation::kProportional}},
             "equally many rows of each cluster, or the same share of each");
    v.choice("within", o.within, {{"random", Within::kRandom}, {"center", Within::kCenter}},
             "which rows of a cluster come first: drawn by the seed, or nearest to its centre");
    v.field("features", o.features, "vectors to cluster; the options of scalselect (its subspace is not used)");
  }
};

/// A row's turn: rows are taken in ascending order of (key, cluster).
struct Turn {
  double key;
  std::int64_t cluster, row;
  bool operator<(const Turn& other) const { return key != other.key ? key < other.key : cluster < other.cluster; }
};

std::vector<std::int64_t> order_within(const ClusterBalancedOptions& options, std::vector<std::int64_t> list,
                                       const std::vector<float>& distance, Rng& rng) {
  const auto nearer = [&](std::int64_t a, std::int64_t b) {
    return distance[static_cast<std::size_t>(a)] < distance[static_cast<std::size_t>(b)];
  };
  if (options.within == Within::kRandom) rng.shuffle(list);
  else std::stable_sort(list.begin(), list.end(), nearer);
  return list;
}

/// When the `t`-th row of a cluster of `size` has its turn.
double key(const ClusterBalancedOptions& options, std::size_t t, std::size_t size) {
  if (options.allocation == Allocation::kEqual) return static_cast<double>(t);
  return (static_cast<double>(t) + 0.5) / static_cast<double>(size);
}

SelectionResult select(const ClusterBalancedOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto table = load_rows(input.features.at(0), input.candidates, false, "cluster_balanced");
  const auto clustering = kmeans(
      table.view(),
      {.clusters = options.clusters, .spherical = options.spherical, .max_iterations = options.iterations}, input.seed);
  Rng rng(input.seed, "baselines/cluster_balanced");
  std::vector<Turn> turns;
  const auto lists = cluster_members(clustering.rows, clustering.clusters);
  for (std::size_t c = 0; c < lists.size(); ++c) {
    const auto ordered = order_within(options, lists[c], clustering.rows.distance, rng);
    for (std::size_t t = 0; t < ordered.size(); ++t)
      turns.push_back({key(options, t, ordered.size()), static_cast<std::int64_t>(c), ordered[t]});
  }
  std::sort(turns.begin(), turns.end());
  SelectionResult result;
  for (std::int64_t t = 0; t < budget; ++t)
    result.rows.push_back(table.rows[static_cast<std::size_t>(turns[static_cast<std::size_t>(t)].row)]);
  result.facts["clusters"] = clustering.clusters;
  result.facts["imbalance"] = clustering.imbalance;
  result.facts["empty"] = std::count(clustering.sizes.begin(), clustering.sizes.end(), 0);
  return result;
}

Method make(const ClusterBalancedOptions& options) {
  return {.needs = {scalselect_feature(options.features)},
          .budget_use = BudgetUse::kPrefix,
          .uses_seed = true,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry cluster_balanced_entry() {
  return method_entry("cluster_balanced", "equally many rows (or the same share) of every k-means cluster",
                      "time O(N K d) per pass of k-means (K clusters), memory N d + K d floats; ScalSelect's features",
                      "stratified sampling over k-means clusters", make);
}

}  // namespace scalselect
