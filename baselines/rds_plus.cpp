// RDS+ (arXiv 2503.01807): position-weighted means of the last layer over all tokens, compared by cosine; queries take
// turns to choose the row nearest to them.
//
// With a target pool its samples are the queries, as the paper has it. turns=sample: in target order, each takes the
// row most similar to it among those it has not yet taken itself (the authors' get_top_influences, "max").
// turns=task: each task in turn, a row counting by its best similarity to a sample of the task (their
// get_top_aggregated_influences); with one task that is their get_top_optimized. Either way a row that another one has
// taken already uses up the turn.
//
// Without a target pool, `queries` candidates drawn by the seed are the queries (no counterpart in the paper); a query
// is never its own match. Ties by ascending row.
#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "baselines/registry.h"
#include "baselines/table_rows.h"
#include "core/parallel.h"
#include "core/rng.h"

namespace scalselect {
namespace {

enum class Turns { kSample, kTask };
enum class QueriesFrom { kAuto, kPool };

struct RdsPlusOptions {
  std::int64_t queries = 500;
  QueriesFrom from = QueriesFrom::kAuto;
  Turns turns = Turns::kSample;
  int layer = -1;

  template <class Visitor>
  static void describe(Visitor& v, RdsPlusOptions& o) {
    v.field("queries", o.queries, "without a target pool: rows drawn as queries (fewer if the pool is smaller)",
            Range{1, 1e6});
    v.choice("from", o.from, {{"auto", QueriesFrom::kAuto}, {"pool", QueriesFrom::kPool}},
             "auto: the target pool if one is given, else the pool; pool: rows of the pool in any case");
    v.choice("turns", o.turns, {{"sample", Turns::kSample}, {"task", Turns::kTask}},
             "with a target pool: who takes rows in turn, each target sample or each task");
    v.field("layer", o.layer, "decoder layer; -1 = the last, after the final norm", Range{-1, 1e4});
  }
};

/// Rows by their best similarity to any of a set of queries, as many as have been needed so far.
class QueryList {
 public:
  /// `own`: a row of the table that is never a match, or -1.
  QueryList(const TableRows& table, std::vector<const float*> queries, std::int64_t own)
      : table_(&table), queries_(std::move(queries)), own_(own), size_(table.size() - (own >= 0 ? 1 : 0)) {}

  /// The `rank`-th best row (an index into the table), or -1 if there are no more.
  std::int64_t at(std::int64_t rank) {
    if (rank >= size_) return -1;
    if (rank >= static_cast<std::int64_t>(best_.size())) extend(std::max<std::int64_t>(64, 4 * rank));
    return best_[static_cast<std::size_t>(rank)];
  }

  /// Computes the ranks below `count`, so that `at` need not.
  void extend(std::int64_t count) {
    count = std::min(count, size_);
    if (count <= static_cast<std::int64_t>(best_.size())) return;
    std::vector<float> similarity;
    for (std::int64_t i = 0; i < table_->size(); ++i) similarity.push_back(similarity_of(i));
    std::vector<std::int64_t> order(similarity.size());
    std::iota(order.begin(), order.end(), 0);
    if (own_ >= 0) order.erase(order.begin() + own_);
    const auto better = [&](std::int64_t a, std::int64_t b) {
      const float left = similarity[static_cast<std::size_t>(a)], right = similarity[static_cast<std::size_t>(b)];
      return left != right ? left > right : a < b;
    };
    std::partial_sort(order.begin(), order.begin() + count, order.end(), better);
    best_.assign(order.begin(), order.begin() + count);
  }

 private:
  float similarity_of(std::int64_t i) const {
    float best = -std::numeric_limits<float>::infinity();
    for (const float* query : queries_) best = std::max(best, dot(table_->row(i), query, table_->cols));
    return best;
  }

  const TableRows* table_;
  std::vector<const float*> queries_;
  std::int64_t own_, size_;
  std::vector<std::int64_t> best_;
};

std::vector<std::int64_t> round_robin(std::vector<QueryList>& lists, std::int64_t size, std::int64_t budget) {
  const auto count = static_cast<std::int64_t>(lists.size());
  // Most lists are read about this far; duplicates make some be read further.
  parallel_blocks(count, 1, [&](std::int64_t i, std::int64_t) {
    lists[static_cast<std::size_t>(i)].extend(std::max<std::int64_t>(64, 4 * budget / count));
  });
  std::vector<std::int64_t> order;
  std::vector<bool> taken(static_cast<std::size_t>(size), false);
  const auto take = [&](std::int64_t i) {
    if (taken[static_cast<std::size_t>(i)] || static_cast<std::int64_t>(order.size()) == budget) return;
    taken[static_cast<std::size_t>(i)] = true;
    order.push_back(i);
  };
  for (std::int64_t rank = 0; rank < size && static_cast<std::int64_t>(order.size()) < budget; ++rank) {
    for (auto& list : lists) {
      if (const auto best = list.at(rank); best >= 0) take(best);
    }
  }
  // With one drawn query only, that query itself is left over.
  for (std::int64_t i = 0; i < size; ++i) take(i);
  return order;
}

std::vector<QueryList> drawn_lists(const RdsPlusOptions& options, const TableRows& table, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(table.size()));
  std::iota(order.begin(), order.end(), 0);
  Rng(seed, "baselines/rds_plus").shuffle(order);
  order.resize(static_cast<std::size_t>(std::min(options.queries, table.size())));
  std::vector<QueryList> lists;
  for (const auto i : order) lists.emplace_back(table, std::vector{table.row(i)}, i);
  return lists;
}

/// One list per target sample, or one per task in the order in which tasks first appear.
std::vector<QueryList> target_lists(const RdsPlusOptions& options, const TableRows& table, const TableRows& targets,
                                    const std::vector<std::string>& tasks) {
  std::vector<std::string> names;
  std::vector<std::vector<const float*>> queries;
  for (std::int64_t i = 0; i < targets.size(); ++i) {
    const auto& task = tasks[static_cast<std::size_t>(targets.rows[static_cast<std::size_t>(i)])];
    const auto found = std::find(names.begin(), names.end(), task);
    if (options.turns == Turns::kSample || found == names.end()) {
      names.push_back(task);
      queries.push_back({targets.row(i)});
    } else {
      queries[static_cast<std::size_t>(found - names.begin())].push_back(targets.row(i));
    }
  }
  std::vector<QueryList> lists;
  for (auto& set : queries) lists.emplace_back(table, std::move(set), -1);
  return lists;
}

SelectionResult select(const RdsPlusOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto table = load_rows(input.features.at(0), input.candidates, true, "rds_plus");
  TableRows targets;
  if (input.target) targets = load_rows(input.target->features.at(0), input.target->rows, true, "rds_plus");
  auto lists = input.target ? target_lists(options, table, targets, input.target->tasks)
                            : drawn_lists(options, table, input.seed);
  SelectionResult result;
  for (const auto i : round_robin(lists, table.size(), budget)) {
    result.rows.push_back(table.rows[static_cast<std::size_t>(i)]);
  }
  result.facts["queries"] = input.target ? targets.size() : static_cast<std::int64_t>(lists.size());
  result.facts["from"] = input.target ? "target" : "pool";
  return result;
}

Method make(const RdsPlusOptions& options) {
  const FeatureSpec mean = HiddenMeanSpec{options.layer, TokenSet::kAll, TokenWeights::kPosition};
  return {.needs = {mean},
          .budget_use = BudgetUse::kPrefix,
          .uses_seed = true,
          .target_needs = options.from == QueriesFrom::kAuto ? std::vector{mean} : std::vector<FeatureSpec>(),
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry rds_plus_entry() {
  return method_entry("rds_plus", "RDS+: rows most similar to target samples, or to randomly drawn rows, in turn",
                      "one full forward pass per row; time O(N Q d), memory N d floats + O(Q M) (Q queries)",
                      "arXiv 2503.01807", make);
}

}  // namespace scalselect
