// Graph cut: f(S) = sum over all i and chosen j of s_ij - lambda * sum over chosen i, j of s_ij (submodlib's form; that
// of apricot is twice this one at lambda = 1/2 and alpha = 1/lambda).
//
// The gain of j is its similarity to the whole pool less lambda times (twice its similarity to the chosen rows, and
// s_jj). Both sums are kept for every row, so each step is exact and no matrix is needed. Monotone for lambda <= 0.5;
// beyond, gains may fall below 0 and the best row is still taken until the budget is full. Similarities count
// raw, negative cosines included.
#include <algorithm>
#include <cmath>
#include <functional>

#include "baselines/registry.h"
#include "baselines/similarity.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

struct GraphCutOptions {
  SimilarityOptions similarity;
  double lambda = 0.5;
  ScalSelectOptions features;

  template <class Visitor>
  static void describe(Visitor& v, GraphCutOptions& o) {
    SimilarityOptions::describe(v, o.similarity);
    v.field("lambda", o.lambda, "weight of similarity among the chosen rows against similarity to the pool",
            Range{0, 1e6});
    v.field("features", o.features, "vectors to compare; the options of scalselect (its subspace is not used)");
  }
};

SelectionResult select(const GraphCutOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto table = load_rows(input.features.at(0), input.candidates, options.similarity.normalized(), "graph_cut");
  const Similarity similarity(table, options.similarity);
  auto gains = similarity.column_sums();
  for (std::int64_t i = 0; i < table.size(); ++i)
    gains[static_cast<std::size_t>(i)] -= options.lambda * static_cast<double>(similarity.at(i, i));
  std::vector<float> column(gains.size());
  SelectionResult result;
  double value = 0;
  while (static_cast<std::int64_t>(result.rows.size()) < budget) {
    const auto best = std::max_element(gains.begin(), gains.end());
    value += *best;
    *best = -INFINITY;
    const auto chosen = best - gains.begin();
    result.rows.push_back(table.rows[static_cast<std::size_t>(chosen)]);
    similarity.column(chosen, column.data());
    for (std::size_t i = 0; i < gains.size(); ++i) gains[i] -= 2 * options.lambda * static_cast<double>(column[i]);
  }
  result.facts["value"] = value;
  return result;
}

Method make(const GraphCutOptions& options) {
  return {.needs = {scalselect_feature(options.features)},
          .budget_use = BudgetUse::kPrefix,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry graph_cut_entry() {
  return method_entry("graph_cut", "rows similar to the pool and dissimilar to each other",
                      "time O(M N d) (rbf: and O(N^2 d) once), memory N d floats; ScalSelect's features",
                      "Iyer, Khargonkar, Bilmes and Asnani, arXiv 2006.15412", make);
}

}  // namespace scalselect
