// Herding (Welling 2009; iCaRL, Rebuffi et al. 2017): rows whose running mean follows the pool's mean.
//
// With mu the mean of all rows and s the sum of the t - 1 rows chosen so far, w = t mu - s; the next row maximises
// <w, x> (rule=product), or minimises |w - x|, which is the distance between mu and the new mean (rule=distance). On
// rows of length 1 the two rules agree. Each row is taken once, ties by ascending row. (DeepCore's implementation takes
// the farthest row instead of the nearest.)
#include <algorithm>
#include <cmath>
#include <functional>

#include "baselines/registry.h"
#include "baselines/table_rows.h"
#include "core/parallel.h"
#include "selector/scalselect.h"

namespace scalselect {
namespace {

constexpr std::int64_t kBlock = 1024;

enum class Rule { kProduct, kDistance };

struct HerdingOptions {
  bool normalize = true;
  Rule rule = Rule::kProduct;
  ScalSelectOptions features;

  template <class Visitor>
  static void describe(Visitor& v, HerdingOptions& o) {
    v.field("normalize", o.normalize, "scale vectors to length 1 first");
    v.choice("rule", o.rule, {{"product", Rule::kProduct}, {"distance", Rule::kDistance}},
             "the row with the largest inner product with what the mean lacks, or the one that brings it nearest");
    v.field("features", o.features, "vectors to match; the options of scalselect (its subspace is not used)");
  }
};

std::vector<double> mean_of(const TableRows& table) {
  std::vector<double> mean(static_cast<std::size_t>(table.cols), 0.0);
  for (std::int64_t i = 0; i < table.size(); ++i) {
    for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += table.row(i)[j];
  }
  for (double& value : mean) value /= static_cast<double>(table.size());
  return mean;
}

/// What is subtracted from <w, x>: |x|^2 / 2 makes the largest product the nearest row.
std::vector<float> handicaps(const HerdingOptions& options, const TableRows& table) {
  std::vector<float> out(static_cast<std::size_t>(table.size()), 0.0F);
  for (std::int64_t i = 0; options.rule == Rule::kDistance && i < table.size(); ++i)
    out[static_cast<std::size_t>(i)] = dot(table.row(i), table.row(i), table.cols) / 2;
  return out;
}

/// |mean of the pool - mean of the chosen rows|; `w` is (M + 1) mu - s.
double mean_error(const std::vector<double>& mean, const std::vector<double>& w, std::int64_t budget) {
  double squares = 0;
  for (std::size_t j = 0; j < mean.size(); ++j) squares += std::pow((w[j] - mean[j]) / static_cast<double>(budget), 2);
  return std::sqrt(squares);
}

SelectionResult select(const HerdingOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto table = load_rows(input.features.at(0), input.candidates, options.normalize, "herding");
  const auto mean = mean_of(table);
  auto w = mean;
  std::vector<float> scores(static_cast<std::size_t>(table.size())), handicap = handicaps(options, table);
  SelectionResult result;
  while (static_cast<std::int64_t>(result.rows.size()) < budget) {
    const std::vector<float> direction(w.begin(), w.end());
    parallel_blocks(table.size(), kBlock, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        scores[static_cast<std::size_t>(i)] =
            dot(table.row(i), direction.data(), table.cols) - handicap[static_cast<std::size_t>(i)];
    });
    const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
    handicap[static_cast<std::size_t>(best)] = INFINITY;
    result.rows.push_back(table.rows[static_cast<std::size_t>(best)]);
    for (std::size_t j = 0; j < w.size(); ++j) w[j] += mean[j] - table.row(best)[j];
  }
  result.facts["mean_error"] = mean_error(mean, w, budget);
  return result;
}

Method make(const HerdingOptions& options) {
  return {.needs = {scalselect_feature(options.features)},
          .budget_use = BudgetUse::kPrefix,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry herding_entry() {
  return method_entry("herding", "rows whose mean follows the mean of the pool",
                      "time O(M N d), memory N d floats; ScalSelect's features",
                      "Welling 2009; Rebuffi et al., arXiv 1611.07725", make);
}

}  // namespace scalselect
