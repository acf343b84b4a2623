// PRISM (arXiv 2502.12119): keeps the samples whose visual features point away from all others'.
//
// F_i = mean of the visual tokens' states after a shallow decoder layer. With u_i = (F_i - mu) / |F_i - mu| and mu the
// pool's mean, redundancy R_i = mean over j != i of u_i . u_j; the rows of lowest R are kept. The double sum is never
// formed: with s = sum_j u_j, R_i = (u_i . s - |u_i|^2) / (N - 1). So R is a linear cut along one direction.
//
// The paper's first version correlates feature vectors by Pearson, which takes from each vector the mean of its own
// coordinates (center=vector); later versions subtract the pool's mean (center=pool, "implicit re-centering"), which is
// the default. The layer is only said to be shallow; the default is the first, which ScalSelect's ablations extract
// too. The paper keeps all text-only rows on top of the budget; here rows without an image cannot be chosen. The
// authors' code is not public: formulas are those of the paper.
//
// Rows that share image and prompt prefix have the same F, so ties are many; they fall by ascending row.
#include <cmath>
#include <functional>

#include "baselines/registry.h"
#include "baselines/row_scores.h"
#include "core/parallel.h"
#include "selector/rows.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlock = 1024, kRowsAtOnce = 64;

enum class Center { kPool, kVector, kNone };
enum class Keep { kLow, kHigh };

struct PrismOptions {
  int layer = 1;
  Center center = Center::kPool;
  Keep keep = Keep::kLow;

  template <class Visitor>
  static void describe(Visitor& v, PrismOptions& o) {
    v.field("layer", o.layer, "states after this decoder layer; 0 = the projected image, -1 = the last",
            Range{-1, 1e4});
    v.choice("center", o.center, {{"pool", Center::kPool}, {"vector", Center::kVector}, {"none", Center::kNone}},
             "what is subtracted: the pool's mean vector, each vector's own mean (Pearson), or nothing (cosine)");
    v.choice("keep", o.keep, {{"low", Keep::kLow}, {"high", Keep::kHigh}}, "which end of the redundancies is kept");
  }
};

using Vector = std::vector<double>;

void add(const Vector& term, Vector& sum) {
  for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += term[j];
}

/// Sum over the table's rows of `of(row)`, a vector of d; blocks are added in order.
template <class Of>
Vector sum_rows(const RowSource& source, const Of& of) {
  Vector total(static_cast<std::size_t>(source.cols()), 0.0);
  for_each_block(source, kBlock, [&](std::int64_t, const ConstRows& block) {
    std::vector<Vector> vectors(static_cast<std::size_t>(block.rows()));
    parallel_blocks(block.rows(), kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) vectors[static_cast<std::size_t>(i)] = of(row_span(block, i));
    });
    Vector sum(total.size(), 0.0);
    for (const auto& vector : vectors) add(vector, sum);
    add(sum, total);
  });
  return total;
}

double inner(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
  return sum;
}

/// F -> u. A vector that equals its centre stays zero (then its redundancy is 0).
class Direction {
 public:
  Direction(Center center, Vector mean) : center_(center), mean_(std::move(mean)) {}

  Vector operator()(std::span<const float> feature) const {
    Vector u(feature.begin(), feature.end());
    double own = 0;
    for (const double value : u) own += value / static_cast<double>(u.size());
    for (std::size_t j = 0; j < u.size(); ++j) u[j] -= center_ == Center::kVector ? own : mean_[j];
    const double length = std::sqrt(inner(u, u));
    for (double& value : u) value = length > 0 ? value / length : 0;
    return u;
  }

 private:
  Center center_;
  Vector mean_;  // zeros unless the pool's is subtracted
};

SelectionResult select(const PrismOptions& options, const MethodInput& input, std::int64_t) {
  const auto& table = input.features.at(0);
  const auto& source = *table.vectors;
  const double rows = static_cast<double>(source.rows());
  Vector mean(static_cast<std::size_t>(source.cols()), 0.0);
  if (options.center == Center::kPool) {
    mean = sum_rows(source, [](std::span<const float> row) { return Vector(row.begin(), row.end()); });
    for (double& value : mean) value /= rows;
  }
  const Direction direction(options.center, std::move(mean));
  const Vector sum = sum_rows(source, direction);
  const double sign = options.keep == Keep::kLow ? -1 : 1;
  SelectionResult result;
  result.scores = row_scores(table, input.pool_size, [&](std::span<const float> row) {
    const Vector u = direction(row);
    return sign * (inner(u, sum) - inner(u, u)) / std::max(rows - 1, 1.0);
  });
  result.facts["mean_direction"] = std::sqrt(inner(sum, sum)) / rows;  // near 0: the ranking is noise
  return result;
}

std::vector<FeatureSpec> needs_of(const PrismOptions& options) {
  PooledVisualSpec spec;
  spec.states.hidden_layer = options.layer;
  spec.choice = TokenChoice::kAll;
  return {spec};
}

Method make(const PrismOptions& options) {
  return {.needs = needs_of(options), .budget_use = BudgetUse::kScores, .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry prism_entry() {
  return method_entry("prism", "samples whose visual features correlate least with the pool's",
                      "tower, projector and one decoder layer per row; time O(N d), memory O(N + d)",
                      "arXiv 2502.12119", make);
}

}  // namespace scalselect
