// Even sampling of clusters: k-means, then as many rows of each cluster (allocation=equal; a cluster that runs out
// leaves its share to the others) or the same share of each (allocation=proportional: stratified sampling; Webster's
// apportionment, so that a smaller budget is a prefix of a larger one's result).
//
// Inside a cluster rows are drawn by the seed, or come nearest to the centre first.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "baselines/entry.h"
#include "baselines/kmeans.h"
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
    v.field("iterations", o.iterations, "passes of k-means at most", Range{1, 1e6});
    v.choice("allocation", o.allocation, {{"equal", Allocation::kEqual}, {"proportional", Allocation::kProportional}},
             "as many rows of each cluster, or the same share of each");
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

class ClusterBalanced final : public SelectionMethod {
 public:
  explicit ClusterBalanced(const ClusterBalancedOptions& options) : options_(options) {}
  std::vector<FeatureSpec> needs() const override { return {scalselect_feature(options_.features)}; }
  BudgetUse budget_use() const override { return BudgetUse::kPrefix; }
  bool uses_seed() const override { return true; }

  SelectionResult select(const MethodInput& input, std::int64_t budget) const override {
    const auto table = load_rows(input.features.at(0), input.candidates, false, "cluster_balanced");
    const auto clustering = kmeans({table.values.data(), table.size(), table.cols}, kmeans_options(table), input.seed);
    Rng rng(input.seed, "baselines/cluster_balanced");
    std::vector<Turn> turns;
    const auto lists = members(clustering.rows, clustering.clusters);
    for (std::size_t c = 0; c < lists.size(); ++c) {
      const auto ordered = order_within(lists[c], clustering.rows.distance, rng);
      for (std::size_t t = 0; t < ordered.size(); ++t)
        turns.push_back({key(t, ordered.size()), static_cast<std::int64_t>(c), ordered[t]});
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

 private:
  KMeansOptions kmeans_options(const TableRows& table) const {
    KMeansOptions options;
    options.clusters = options_.clusters > 0
                           ? options_.clusters
                           : static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(table.size()))));
    options.spherical = options_.spherical;
    options.max_iterations = options_.iterations;
    return options;
  }

  std::vector<std::int64_t> order_within(std::vector<std::int64_t> list, const std::vector<float>& distance,
                                         Rng& rng) const {
    const auto nearer = [&](std::int64_t a, std::int64_t b) {
      return distance[static_cast<std::size_t>(a)] < distance[static_cast<std::size_t>(b)];
    };
    if (options_.within == Within::kRandom) rng.shuffle(list);
    else std::stable_sort(list.begin(), list.end(), nearer);
    return list;
  }

  /// When the `t`-th row of a cluster of `size` has its turn.
  double key(std::size_t t, std::size_t size) const {
    if (options_.allocation == Allocation::kEqual) return static_cast<double>(t);
    return (static_cast<double>(t) + 0.5) / static_cast<double>(size);
  }

  ClusterBalancedOptions options_;
};

std::unique_ptr<SelectionMethod> make(const ClusterBalancedOptions& options) {
  return std::make_unique<ClusterBalanced>(options);
}

}  // namespace

MethodEntry cluster_balanced_entry() {
  return method_entry<ClusterBalancedOptions>(
      "cluster_balanced", "as many rows (or the same share) of every k-means cluster",
      "time O(N K d) a pass of k-means (K clusters), memory N d + K d floats; ScalSelect's features",
      "stratified sampling over k-means clusters", make);
}

}  // namespace scalselect
