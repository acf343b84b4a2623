// Self-Filter's selection stage (arXiv 2402.12501): the hardest sample first; its neighbours then count as less hard.
//
// Repeatedly, the row of the largest difficulty D is taken, and its `neighbors` most similar rows among those left
// lose gamma * D * cosine^2, with the D that the row had when it was taken (if that is negative, they gain). Exact,
// ties by ascending row. The authors learn D with a small net next to a fine-tuned model and compare rows in CLIP's
// space; here D is the answer's mean loss under the target model and the vectors are ScalSelect's.
#include <algorithm>
#include <functional>

#include "baselines/live_ranking.h"
#include "baselines/neighbors.h"
#include "baselines/registry.h"
#include "baselines/row_scores.h"
#include "core/parallel.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlock = 1024;
/// Lists are this many times longer than needed: neighbours that were taken before do not count.
constexpr std::int64_t kSpare = 4;

struct SelfFilterOptions {
  std::int64_t neighbors = 10;
  double gamma = 1;
  LossAverage average = LossAverage::kTokens;
  ScalSelectOptions features;

  template <class Visitor>
  static void describe(Visitor& v, SelfFilterOptions& o) {
    v.field("neighbors", o.neighbors, "most similar rows that a chosen row makes less hard", Range{0, 1e6});
    v.field("gamma", o.gamma, "share of its difficulty that they lose, times cosine^2", Range{0, 1e6});
    v.choice("average", o.average, {{"tokens", LossAverage::kTokens}, {"turns", LossAverage::kTurns}},
             "difficulty: mean loss over all answer tokens, or over the turns' means");
    v.field("features", o.features, "vectors to compare; the options of scalselect (its subspace is not used)");
  }
};

struct Similar {
  std::int64_t row;
  float cosine;
  bool operator<(const Similar& other) const {
    return cosine != other.cosine ? cosine > other.cosine : row < other.row;
  }
};

/// The most similar rows among those not yet taken.
class NearestLeft {
 public:
  NearestLeft(const TableRows& table, std::int64_t count)
      : table_(table), count_(count), lists_(nearest_neighbors(table, kSpare * count, Closeness::kProduct, false)) {}

  std::vector<Similar> of(std::int64_t row, const LiveRanking& ranking) const {
    std::vector<Similar> found;
    const auto rows = lists_.of(row);
    for (std::size_t n = 0; n < rows.size() && size(found) < count_; ++n) {
      if (!ranking.taken(rows[n])) found.push_back({rows[n], lists_.values_of(row)[n]});
    }
    return size(found) == count_ || lists_.count == table_.size() - 1 ? found : search(row, ranking);
  }

 private:
  static std::int64_t size(const std::vector<Similar>& list) { return static_cast<std::int64_t>(list.size()); }

  /// Looks at every row, when the list has run out.
  std::vector<Similar> search(std::int64_t row, const LiveRanking& ranking) const {
    std::vector<Similar> all;
    for (std::int64_t i = 0; i < table_.size(); ++i) {
      if (!ranking.taken(i)) all.push_back({i, 0});
    }
    parallel_blocks(size(all), kBlock, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        auto& similar = all[static_cast<std::size_t>(i)];
        similar.cosine = dot(table_.row(row), table_.row(similar.row), table_.cols);
      }
    });
    const auto count = std::min(count_, size(all));
    std::partial_sort(all.begin(), all.begin() + count, all.end());
    all.resize(static_cast<std::size_t>(count));
    return all;
  }

  const TableRows& table_;
  std::int64_t count_;
  Neighbors lists_;
};

SelectionResult select(const SelfFilterOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto table = load_rows(input.features.at(0), input.candidates, true, "self_filter");
  const NearestLeft nearest(table, options.neighbors);
  LiveRanking ranking(difficulties(input.features.at(1), input.candidates, input.pool_size, options.average));
  SelectionResult result;
  while (static_cast<std::int64_t>(result.rows.size()) < budget) {
    const auto chosen = ranking.take_best();
    result.rows.push_back(table.rows[static_cast<std::size_t>(chosen)]);
    const double penalty = options.gamma * ranking.score(chosen);
    for (const auto& similar : nearest.of(chosen, ranking))
      ranking.add(similar.row, -penalty * static_cast<double>(similar.cosine) * similar.cosine);
  }
  return result;
}

Method make(const SelfFilterOptions& options) {
  return {.needs = {scalselect_feature(options.features), AnswerLossSpec{}},
          .budget_use = BudgetUse::kPrefix,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry self_filter_entry() {
  return method_entry("self_filter", "hardest samples, each making its neighbours count as less hard",
                      "one full forward pass per row; time O(N^2 d) in blocks + O(M k log N) (k neighbours; O(N d) "
                      "where a list runs out), memory N d + 8 N k numbers; ScalSelect's features and the answer losses",
                      "Chen et al., arXiv 2402.12501; repository RayRuiboChen/Self-Filter", make);
}

}  // namespace scalselect
