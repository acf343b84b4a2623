// TIVE (Liu et al., arXiv 2403.09559; RUCAIBox/TIVE): budgets by task difficulty, rows by their influence on their
// task.
//
// A task's share of the budget is its mean gradient norm over the sum of all tasks' (not its size). A row's value is
// the mean cosine of its gradient to those of its task's rows. Within a task rows are drawn without replacement with
// probabilities softmax(sharpness * value); the authors' sharpness is 0.001, and as values lie in [-1, 1] that is
// nearly uniform sampling. `draw=false` takes the largest values instead.
//
// Tasks: the authors read a hand-made label of each row's data set. A pool's labels are for analysis only here, so
// tasks are found: spherical k-means clusters of the gradients (`tasks=clusters`), or the target pool's tasks, each row
// going to the one whose mean gradient is most similar to its own (`tasks=target`). Differs further: the warm-up's rows
// are drawn from the whole pool, not equally from tasks; a budget that exceeds its task goes to the others in
// proportion, where the authors repeat rows; no task is left out (they drop TextCaps).
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "baselines/influence.h"
#include "baselines/kmeans.h"
#include "baselines/registry.h"
#include "baselines/table_rows.h"
#include "core/rng.h"

namespace scalselect {
namespace {

enum class Tasks { kClusters, kTarget };

GradientOptions default_gradients() {
  GradientOptions options;
  options.warm_up.share = 0.08;
  options.warm_up.epochs = 1;
  return options;
}

struct TiveOptions {
  Tasks tasks = Tasks::kClusters;
  std::int64_t clusters = 10;
  int task_parts = 1;
  double sharpness = 0.001;
  bool draw = true;
  GradientOptions gradients = default_gradients();
  SketchOptions sketch;

  template <class Visitor>
  static void describe(Visitor& v, TiveOptions& o) {
    v.choice("tasks", o.tasks, {{"clusters", Tasks::kClusters}, {"target", Tasks::kTarget}},
             "what counts as a task: clusters of the gradients, or the target pool's tasks");
    v.field("clusters", o.clusters, "tasks=clusters: their number", Range{1, 1e6});
    v.field("task_parts", o.task_parts,
            "tasks=target: parts between slashes of a target's source that name its task; 0 = all", Range{0, 100});
    v.field("sharpness", o.sharpness, "rows are drawn with probabilities softmax(sharpness * value)", Range{0, 1e9});
    v.field("draw", o.draw, "false: take the rows of the largest values");
    v.field("gradients", o.gradients, "weights and warm-up of the gradients");
    v.field("sketch", o.sketch, "projection of the gradients");
  }
};

/// Shares of `budget` in proportion to `weights`, none above its `sizes`; whole numbers by largest remainder, ties by
/// ascending index. What one cannot take goes to the others in proportion. budget <= sum of sizes.
std::vector<std::int64_t> allot(std::int64_t budget, const std::vector<double>& weights,
                                const std::vector<std::int64_t>& sizes) {
  const auto count = weights.size();
  std::vector<bool> full(count, false);
  std::vector<double> exact(count);
  for (bool changed = true; changed;) {
    changed = false;
    double left = static_cast<double>(budget), open = 0;
    for (std::size_t t = 0; t < count; ++t) {
      if (full[t]) left -= static_cast<double>(sizes[t]);
      else open += weights[t];
    }
    for (std::size_t t = 0; t < count; ++t) {
      exact[t] = full[t] ? static_cast<double>(sizes[t]) : open > 0 ? left * weights[t] / open : 0;
      if (!full[t] && exact[t] > static_cast<double>(sizes[t])) full[t] = changed = true;
    }
  }
  std::vector<std::int64_t> shares(count);
  for (std::size_t t = 0; t < count; ++t) shares[t] = std::min(sizes[t], static_cast<std::int64_t>(exact[t]));
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return exact[a] - static_cast<double>(shares[a]) > exact[b] - static_cast<double>(shares[b]);
  });
  auto rest = budget - std::accumulate(shares.begin(), shares.end(), std::int64_t{0});
  while (rest > 0) {
    for (const auto t : order) {
      if (rest == 0 || shares[t] == sizes[t]) continue;
      ++shares[t];
      --rest;
    }
  }
  return shares;
}

std::vector<double> norms_of(const FeatureTable& table, const std::vector<std::int64_t>& candidates) {
  const auto rows = load_rows(table, candidates, false, "tive");
  return {rows.values.begin(), rows.values.end()};
}

/// Indices into the candidates, task by task, ascending; no task is empty.
std::vector<std::vector<std::int64_t>> tasks_of_rows(const TiveOptions& options, const MethodInput& input) {
  std::vector<std::vector<std::int64_t>> tasks;
  if (options.tasks == Tasks::kClusters) {
    const auto table = load_rows(input.features.at(0), input.candidates, true, "tive");
    const auto clusters = kmeans(table.view(), {.clusters = options.clusters, .spherical = true}, input.seed);
    tasks = cluster_members(clusters.rows, clusters.clusters);
  } else {
    const auto targets = tasks_of(*input.target, options.task_parts);
    const auto means = group_means(input.target->features.at(0), targets.rows, "tive");
    const auto cosines = mean_cosines(input.features.at(0), input.candidates, means, "tive");
    const auto count = static_cast<std::ptrdiff_t>(targets.names.size());
    tasks.resize(targets.names.size());
    for (std::size_t i = 0; i < input.candidates.size(); ++i) {
      const auto first = cosines.begin() + static_cast<std::ptrdiff_t>(i) * count;
      const auto nearest = std::max_element(first, first + count) - first;
      tasks[static_cast<std::size_t>(nearest)].push_back(static_cast<std::int64_t>(i));
    }
  }
  std::erase_if(tasks, [](const auto& task) { return task.empty(); });
  return tasks;
}

/// sharpness * mean cosine to the rows of the row's own task (plain cosines where nothing is drawn).
std::vector<double> values_of(const TiveOptions& options, const MethodInput& input,
                              const std::vector<std::vector<std::int64_t>>& tasks) {
  const double factor = options.draw ? options.sharpness : 1;
  std::vector<double> values(input.candidates.size());
  for (const auto& task : tasks) {
    std::vector<std::int64_t> rows;
    for (const auto i : task) rows.push_back(input.candidates[static_cast<std::size_t>(i)]);
    const auto mean = group_means(input.features.at(0), {rows}, "tive");
    const auto cosines = mean_cosines(input.features.at(0), rows, mean, "tive");
    for (std::size_t i = 0; i < task.size(); ++i) values[static_cast<std::size_t>(task[i])] = factor * cosines[i];
  }
  return values;
}

/// Gumbel noise: taking the largest keys is drawing one after the other by softmax weights (Yellott 1977).
void perturb(std::vector<double>& keys, std::uint64_t seed) {
  Rng rng(seed, "baselines/tive");
  for (double& key : keys) key -= std::log(-std::log((static_cast<double>(rng.below(1U << 30)) + 0.5) * 0x1p-30));
}

SelectionResult select(const TiveOptions& options, const MethodInput& input, std::int64_t budget) {
  const auto tasks = tasks_of_rows(options, input);
  const auto norms = norms_of(input.features.at(1), input.candidates);
  std::vector<double> difficulty;
  std::vector<std::int64_t> sizes;
  for (const auto& task : tasks) {
    double sum = 0;
    for (const auto i : task) sum += norms[static_cast<std::size_t>(i)];
    difficulty.push_back(sum / static_cast<double>(task.size()));
    sizes.push_back(static_cast<std::int64_t>(task.size()));
  }
  const auto shares = allot(budget, difficulty, sizes);
  auto keys = values_of(options, input, tasks);
  if (options.draw) perturb(keys, input.seed);
  SelectionResult result;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    auto order = tasks[t];
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return keys[static_cast<std::size_t>(a)] > keys[static_cast<std::size_t>(b)];
    });
    for (std::int64_t i = 0; i < shares[t]; ++i) {
      result.rows.push_back(input.candidates[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
    }
  }
  result.facts["task_sizes"] = sizes;
  result.facts["task_shares"] = shares;
  return result;
}

Method make(const TiveOptions& options) {
  const auto point = last_point(options.gradients);
  const FeatureSpec gradient = ProjectedGradientSpec{point, {GradientStep::kPlain, options.sketch.spec()}};
  const bool clusters = options.tasks == Tasks::kClusters;
  return {.needs = {gradient, GradientNormSpec{point}},
          .budget_use = BudgetUse::kEach,
          .uses_seed = options.draw || clusters,
          .target_needs = clusters ? std::vector<FeatureSpec>() : std::vector{gradient},
          .requires_target = options.tasks == Tasks::kTarget,
          .select = std::bind_front(select, options)};
}

}  // namespace

MethodEntry tive_entry() {
  return method_entry("tive", "more from tasks with large gradients, typical rows of each",
                      "warm-up training; a backward pass per row; time O(N K d) per iteration of k-means, "
                      "memory N d floats (K clusters, d = sketch.dim)",
                      "Liu et al., arXiv 2403.09559", make);
}

}  // namespace scalselect
