// RDS+ (arXiv 2503.01807) without a target set: position-weighted means of the last layer, cosine, round-robin over
// queries.
//
// Queries are `queries` candidates drawn by the seed (mode "self"). In turn, each takes the row most similar to it
// among those it has not yet taken itself; a row that another query has taken already uses up the turn. A query is
// never its own match. Ties by ascending row.
#include <algorithm>
#include <numeric>

#include "baselines/entry.h"
#include "baselines/table_rows.h"
#include "core/parallel.h"
#include "core/rng.h"

namespace scalselect {
namespace {

struct RdsPlusOptions {
  std::int64_t queries = 500;
  int layer = -1;

  template <class Visitor>
  static void describe(Visitor& v, RdsPlusOptions& o) {
    v.field("queries", o.queries, "rows drawn as queries (fewer if the pool is smaller)", Range{1, 1e6});
    v.field("layer", o.layer, "decoder layer; -1 = the last, after the final norm", Range{-1, 1e4});
  }
};

/// One query's rows by similarity, as far as they were needed yet.
class QueryList {
 public:
  QueryList(const TableRows& table, std::int64_t query) : table_(&table), query_(query) {}

  /// The `rank`-th best row (an index into the table), or -1 if there are no more.
  std::int64_t at(std::int64_t rank) {
    if (rank >= table_->size() - 1) return -1;
    if (rank >= static_cast<std::int64_t>(best_.size())) extend(std::max<std::int64_t>(64, 4 * rank));
    return best_[static_cast<std::size_t>(rank)];
  }

  /// Makes ranks below `count` ready, so that `at` need not.
  void extend(std::int64_t count) {
    count = std::min(count, table_->size() - 1);
    if (count <= static_cast<std::int64_t>(best_.size())) return;
    std::vector<float> similarity(static_cast<std::size_t>(table_->size()));
    for (std::int64_t i = 0; i < table_->size(); ++i) {
      similarity[static_cast<std::size_t>(i)] = dot(table_->row(i), table_->row(query_), table_->cols);
    }
    std::vector<std::int64_t> order(static_cast<std::size_t>(table_->size()));
    std::iota(order.begin(), order.end(), 0);
    order.erase(order.begin() + query_);
    const auto better = [&](std::int64_t a, std::int64_t b) {
      const float left = similarity[static_cast<std::size_t>(a)], right = similarity[static_cast<std::size_t>(b)];
      return left != right ? left > right : a < b;
    };
    std::partial_sort(order.begin(), order.begin() + count, order.end(), better);
    best_.assign(order.begin(), order.begin() + count);
  }

 private:
  const TableRows* table_;
  std::int64_t query_;
  std::vector<std::int64_t> best_;
};

class RdsPlus final : public SelectionMethod {
 public:
  explicit RdsPlus(const RdsPlusOptions& options) : options_(options) {}
  std::vector<FeatureSpec> needs() const override {
    return {HiddenMeanSpec{options_.layer, TokenSet::kAll, TokenWeights::kPosition}};
  }
  BudgetUse budget_use() const override { return BudgetUse::kPrefix; }
  bool uses_seed() const override { return true; }

  SelectionResult select(const MethodInput& input, std::int64_t budget) const override {
    const auto table = load_rows(input.features.at(0), input.candidates, true, "rds_plus");
    auto queries = draw_queries(table, input.seed);
    const auto count = static_cast<std::int64_t>(queries.size());
    // Most lists are read about this far; duplicates make some go further.
    parallel_blocks(count, 1, [&](std::int64_t i, std::int64_t) {
      queries[static_cast<std::size_t>(i)].extend(std::max<std::int64_t>(64, 4 * budget / count));
    });
    SelectionResult result;
    std::vector<bool> taken(static_cast<std::size_t>(table.size()), false);
    const auto take = [&](std::int64_t i) {
      if (taken[static_cast<std::size_t>(i)] || static_cast<std::int64_t>(result.rows.size()) == budget) return;
      taken[static_cast<std::size_t>(i)] = true;
      result.rows.push_back(table.rows[static_cast<std::size_t>(i)]);
    };
    for (std::int64_t rank = 0; rank < table.size() - 1 && static_cast<std::int64_t>(result.rows.size()) < budget;
         ++rank) {
      for (auto& query : queries) {
        if (const auto best = query.at(rank); best >= 0) take(best);
      }
    }
    // With one query only that query itself is left over.
    for (std::int64_t i = 0; i < table.size(); ++i) take(i);
    result.facts["queries"] = count;
    return result;
  }

 private:
  std::vector<QueryList> draw_queries(const TableRows& table, std::uint64_t seed) const {
    std::vector<std::int64_t> order(static_cast<std::size_t>(table.size()));
    std::iota(order.begin(), order.end(), 0);
    Rng(seed, "baselines/rds_plus").shuffle(order);
    order.resize(static_cast<std::size_t>(std::min(options_.queries, table.size())));
    std::vector<QueryList> queries;
    for (const auto i : order) queries.emplace_back(table, i);
    return queries;
  }

  RdsPlusOptions options_;
};

std::unique_ptr<SelectionMethod> make(const RdsPlusOptions& options) { return std::make_unique<RdsPlus>(options); }

}  // namespace

MethodEntry rds_plus_entry() {
  return method_entry<RdsPlusOptions>(
      "rds_plus", "target-free RDS+: rows most similar to randomly drawn ones, in turn",
      "one full forward pass a row; time O(N Q d), memory N d floats + O(Q M) (Q queries)",
      "arXiv 2503.01807, mode 'self'", make);
}

}  // namespace scalselect
