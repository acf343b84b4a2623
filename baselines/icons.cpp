// ICONS (Wu et al., arXiv 2501.00654; princetonvisualai/icons): tasks vote for the rows that influence them most.
//
// Influence on a task: mean cosine between the row's gradient and those of the task's samples, both sketched. A task
// votes for the rows at or above the (1 - share) quantile of its influences (numpy's linear interpolation). Rows are
// taken by votes. Votes are small integers, so ties decide most of the set: here by the mean over tasks of the row's
// rank, then by ascending row (the authors' code takes the tail of an unstable sort). Differs from the authors:
// gradients are taken after this project's warm-up, LoRA branches sit on attention projections only by default, every
// gradient is scaled to length 1 (theirs are not for MME's sub-tasks), the sketch is sparse by default.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "baselines/influence.h"
#include "baselines/registry.h"

namespace scalselect {
namespace {

enum class Ties { kRank, kRow };
enum class SubTasks { kPooled, kMax };

SketchOptions default_sketch() {
  SketchOptions options;
  options.dim = 5120;
  return options;
}

GradientOptions default_gradients() {
  GradientOptions options;
  options.warm_up.epochs = 1;
  return options;
}

struct IconsOptions {
  std::optional<double> share;
  Ties ties = Ties::kRank;
  int task_parts = 1;
  SubTasks sub_tasks = SubTasks::kPooled;
  GradientOptions gradients = default_gradients();
  SketchOptions sketch = default_sketch();

  template <class Visitor>
  static void describe(Visitor& v, IconsOptions& o) {
    v.field("share", o.share, "share of the rows that each task votes for; null = the budget's", Range{0, 1});
    v.choice("ties", o.ties, {{"rank", Ties::kRank}, {"row", Ties::kRow}},
             "among rows with equally many votes: the best mean rank, or the first row");
    v.field("task_parts", o.task_parts, "parts between slashes of a target's source that name its task; 0 = all",
            Range{0, 100});
    v.choice(
        "sub_tasks", o.sub_tasks, {{"pooled", SubTasks::kPooled}, {"max", SubTasks::kMax}},
        "influence on a task whose sources differ after these parts: the mean over its samples, or the largest of its "
        "sources' means (the authors, for MME)");
    v.field("gradients", o.gradients, "weights and warm-up of the gradients");
    v.field("sketch", o.sketch, "projection of the gradients");
  }
};

/// numpy.percentile(values, 100 q) with its default, linear interpolation.
double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(at));
  const auto above = std::min(below + 1, values.size() - 1);
  const double t = at - static_cast<double>(below);
  const double step = values[above] - values[below];
  return t >= 0.5 ? values[above] - step * (1 - t) : values[below] + step * t;
}

/// 0 for the largest value, 1 for the next, ...; ties in order.
std::vector<std::int64_t> ranks(const std::vector<double>& values) {
  std::vector<std::int64_t> order(values.size()), rank(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
  });
  for (std::size_t i = 0; i < order.size(); ++i)
    rank[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  return rank;
}

/// By task: influence of every candidate on it.
std::map<std::string, std::vector<double>> task_influences(const IconsOptions& options, const MethodInput& input) {
  const bool split = options.sub_tasks == SubTasks::kMax;
  const auto tasks = tasks_of(*input.target, split ? 0 : options.task_parts);
  const auto means = group_means(input.target->features.at(0), tasks.rows, "icons");
  const auto cosines = mean_cosines(input.features.at(0), input.candidates, means, "icons");
  const auto count = tasks.names.size();
  std::map<std::string, std::vector<double>> influences;
  for (std::size_t t = 0; t < count; ++t) {
    auto& influence = influences[task_name(tasks.names[t], options.task_parts)];
    influence.resize(input.candidates.size(), -std::numeric_limits<double>::infinity());
    for (std::size_t i = 0; i < influence.size(); ++i) influence[i] = std::max(influence[i], cosines[i * count + t]);
  }
  return influences;
}

SelectionResult select(const IconsOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto size = input.candidates.size();
  const double share = options.share.value_or(static_cast<double>(budget) / static_cast<double>(size));
  std::vector<double> votes(size), mean_rank(size);
  const auto influences = task_influences(options, input);
  for (const auto& [task, influence] : influences) {
    const double threshold = quantile(influence, 1 - share);
    const auto rank = ranks(influence);
    for (std::size_t i = 0; i < size; ++i) {
      votes[i] += influence[i] >= threshold ? 1 : 0;
      mean_rank[i] += static_cast<double>(rank[i]) / static_cast<double>(influences.size());
    }
  }
  SelectionResult result;
  result.facts["tasks"] = influences.size();
  result.facts["most_votes"] = *std::max_element(votes.begin(), votes.end());
  for (std::size_t i = 0; i < size; ++i)
    votes[i] += options.ties == Ties::kRank ? 1 - (mean_rank[i] + 1) / static_cast<double>(size + 1) : 0;
  result.scores = by_pool_row(input.candidates, votes, input.pool_size);
  return result;
}

Method make(const IconsOptions& options) {
  const FeatureSpec gradient =
      ProjectedGradientSpec{last_point(options.gradients), {GradientStep::kPlain, options.sketch.spec()}};
  return {.needs = {gradient},
          .budget_use = options.share ? BudgetUse::kScores : BudgetUse::kEach,
          .target_needs = {gradient},
          .requires_target = true,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry icons_entry() {
  return method_entry("icons", "rows that most target tasks find influential",
                      "warm-up training; a backward pass per row and per target sample; time O(N T (d + log N)), "
                      "memory O(N T) (T tasks, d = sketch.dim)",
                      "Wu et al., arXiv 2501.00654", make);
}

}  // namespace scalselect
