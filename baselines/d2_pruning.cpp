// D2 pruning (arXiv 2310.07931): difficulty spread over a neighbour graph, then reduced around what is chosen.
//
// Rows and their `neighbors` nearest ones (Euclidean, exact) make an undirected graph. Forward: g_i = s_i + sum over
// neighbours j of exp(-|x_i - x_j|) max(s_j, 1e-7). Then, repeatedly, the row of the largest g is taken, and its
// neighbours j lose exp(-gamma |x_i - x_j|) g_i. This is the authors' graph_mode=sum, graph_sampling_mode=weighted; s
// is the answer's mean loss. Distances decide how far messages reach, so vectors are scaled to length 1 by default.
#include <algorithm>
#include <cmath>
#include <functional>

#include "baselines/live_ranking.h"
#include "baselines/neighbors.h"
#include "baselines/registry.h"
#include "baselines/row_scores.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

constexpr double kLeastScore = 1e-7;

struct D2Options {
  std::int64_t neighbors = 5;
  double gamma = 0.1;
  bool normalize = true;
  LossAverage average = LossAverage::kTokens;
  ScalSelectOptions features;

  template <class Visitor>
  static void describe(Visitor& v, D2Options& o) {
    v.field("neighbors", o.neighbors, "nearest rows that each row is joined to", Range{1, 1e6});
    v.field("gamma", o.gamma, "reach of what a chosen row takes from its neighbours: exp(-gamma distance)",
            Range{0, 1e12});
    v.field("normalize", o.normalize, "scale vectors to length 1 before distances are taken");
    v.choice("average", o.average, {{"tokens", LossAverage::kTokens}, {"turns", LossAverage::kTurns}},
             "difficulty: mean loss over all answer tokens, or over the turns' means");
    v.field("features", o.features, "vectors of the graph; the options of scalselect (its subspace is not used)");
  }
};

struct Edge {
  std::int32_t to;
  float distance;
};

/// Each row's neighbours in either direction, ascending, once.
std::vector<std::vector<Edge>> undirected(const Neighbors& neighbors, std::int64_t size) {
  std::vector<std::vector<Edge>> edges(static_cast<std::size_t>(size));
  for (std::int64_t i = 0; i < size; ++i) {
    const auto rows = neighbors.of(i);
    for (std::size_t n = 0; n < rows.size(); ++n) {
      const float distance = neighbors.values_of(i)[n];
      edges[static_cast<std::size_t>(i)].push_back({rows[n], distance});
      edges[static_cast<std::size_t>(rows[n])].push_back({static_cast<std::int32_t>(i), distance});
    }
  }
  for (auto& list : edges) {
    std::sort(list.begin(), list.end(), [](const Edge& a, const Edge& b) { return a.to < b.to; });
    const auto same = [](const Edge& a, const Edge& b) { return a.to == b.to; };
    list.erase(std::unique(list.begin(), list.end(), same), list.end());
  }
  return edges;
}

std::vector<double> forward(const std::vector<double>& difficulty, const std::vector<std::vector<Edge>>& edges) {
  auto scores = difficulty;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (const auto& edge : edges[i])
      scores[i] += std::exp(-static_cast<double>(edge.distance)) *
                   std::max(difficulty[static_cast<std::size_t>(edge.to)], kLeastScore);
  }
  return scores;
}

SelectionResult select(const D2Options& options, const MethodInput& input, std::int64_t budget) {
  const auto table = load_rows(input.features.at(0), input.candidates, options.normalize, "d2_pruning");
  const auto neighbors = nearest_neighbors(table, options.neighbors, Closeness::kDistance, false);
  const auto edges = undirected(neighbors, table.size());
  LiveRanking ranking(
      forward(difficulties(input.features.at(1), input.candidates, input.pool_size, options.average), edges));
  SelectionResult result;
  while (static_cast<std::int64_t>(result.rows.size()) < budget) {
    const auto chosen = ranking.take_best();
    result.rows.push_back(table.rows[static_cast<std::size_t>(chosen)]);
    for (const auto& edge : edges[static_cast<std::size_t>(chosen)]) {
      if (!ranking.taken(edge.to))
        ranking.add(edge.to, -std::exp(-options.gamma * edge.distance) * ranking.score(chosen));
    }
  }
  return result;
}

Method make(const D2Options& options) {
  return {.needs = {scalselect_feature(options.features), AnswerLossSpec{}},
          .budget_use = BudgetUse::kPrefix,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry d2_pruning_entry() {
  return method_entry("d2_pruning", "hard samples, spread out by messages on a neighbour graph",
                      "one full forward pass per row; time O(N^2 d) in blocks + O(N k log N) (k neighbours), memory N "
                      "d + 8 N k numbers; "
                      "ScalSelect's features and the answer losses",
                      "Maharana, Yadav and Bansal, arXiv 2310.07931; repository adymaharana/d2pruning", make);
}

}  // namespace scalselect
