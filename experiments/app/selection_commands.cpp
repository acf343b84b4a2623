// extract, and select with a model: the steps for people who train elsewhere.
#include <fmt/format.h>

#include "baselines/registry.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/process_group.h"
#include "experiments/app/followers.h"
#include "experiments/app/selection_outputs.h"
#include "experiments/inputs/constraints.h"
#include "experiments/pipeline/stages.h"
#include "selector/feature_store.h"

namespace scalselect::app {
namespace {

/// What `select` with a model works on.
struct ModelSelection {
  schema::SelectOptions asked;
  ArtifactCache cache;
  pipeline::RunConfig config;
  Method method;
  std::vector<Budget> budgets;
  pipeline::OpenPool pool;
  std::optional<pipeline::OpenPool> target;
};

ModelSelection open_selection(Bound bound) {
  auto asked = select_options(bound);
  asked.machine.use();
  pipeline::RunConfig config;
  config.pool = bound.take<inputs::PoolOptions>("pool");
  config.target = inputs::target_from(bound.take_raw("target"), bound.origin);
  config.model = bound.take<pipeline::ModelOptions>("model");
  const auto choice = take_method(bound);
  config.method = choice.name;
  config.method_options = choice.options;
  config.seed = asked.seed;
  config.constraints = asked.constraints;
  auto method = make_method(choice.name, choice.options, "method", bound.origin);
  auto budgets = budgets_of(bound);
  require_target(method, config.target.has_value());
  ArtifactCache cache(bound.tree.value("cache", "cache"));
  auto pool = inputs::open_pool(config.pool, cache);
  std::optional<pipeline::OpenPool> target;
  if (config.target) target = inputs::open_pool(*config.target, cache);
  return {std::move(asked),   std::move(cache), std::move(config), std::move(method),
          std::move(budgets), std::move(pool),  std::move(target)};
}

}  // namespace

int run_extract(const Words& words) {
  const Flags flags = parse_flags(words);
  if (const int code = answer_questions(flags, request_for(flags, "extract"), kExtractUsage); code >= 0) return code;
  auto bound = bind_command(flags, "extract");
  const auto model = bound.take<pipeline::ModelOptions>("model");
  const auto pool_options = bound.take<inputs::PoolOptions>("pool");
  const auto method = take_method(bound);
  const auto asked = bind_options<schema::ExtractOptions>(bound.tree, "", bound.origin);
  asked.machine.use();

  const auto needs = make_method(method.name, method.options, "method", bound.origin).needs;
  if (needs.size() != 1) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("Method '{}' needs {} feature tables; an .npz holds one.", method.name, needs.size()),
                    "Choose a method that ranks one representation, such as method=scalselect.");
  }
  const ArtifactCache cache(asked.cache);
  const auto pool = inputs::open_pool(pool_options, cache);
  check_outputs({asked.out}, pool.files);
  const InterruptGuard on_interrupt([&](int signal) { pipeline::report_interrupt(signal, cache); });
  if (!process_group().leads()) {
    pipeline::help_features(needs, pool, model, cache);
    return leave();
  }
  const auto bundle = pipeline::ensure_features(needs, pool, model, cache);
  const auto& record = bundle.records.begin()->second;
  const FeatureStore store(record.folder);
  export_representations(store, asked.ids, asked.out);
  fmt::print("{}: {} x {} representations of '{}', {} samples rejected\n", asked.out, store.rows(), store.cols(),
             pool.path.string(), store.rejects().size());
  return 0;
}

void enter_model_program(const char*, const Words&) {}

int help_with_model(Bound bound) {
  const auto open = open_selection(std::move(bound));
  const InterruptGuard on_interrupt([&](int signal) { pipeline::report_interrupt(signal, open.cache); });
  pipeline::help_features(open.method.needs, open.pool, open.config.model, open.cache);
  if (open.target)
    pipeline::help_features(open.method.target_needs, *open.target, open.config.model, open.cache, &open.pool);
  return leave();
}

Chosen choose_with_model(Bound bound) {
  auto open = open_selection(std::move(bound));
  const auto& cache = open.cache;
  Chosen chosen;
  chosen.budgets = open.budgets;
  chosen.pool = open.pool.pool;
  chosen.rows = inputs::row_set(open.pool, open.asked.constraints, cache);
  for (const auto& budget : chosen.budgets) check_constraints(open.method, chosen.rows, budget);
  const InterruptGuard on_interrupt([&](int signal) { pipeline::report_interrupt(signal, cache); });
  const auto features = pipeline::ensure_features(open.method.needs, open.pool, open.config.model, cache);
  std::optional<pipeline::TargetFeatures> target;
  if (open.target) {
    target = {*open.target,
              pipeline::ensure_features(open.method.target_needs, *open.target, open.config.model, cache, &open.pool)};
  }
  for (const auto& budget : chosen.budgets) {
    open.config.budget = budget;
    auto made =
        pipeline::ensure_selection(open.config, open.pool, chosen.rows, features, target ? &*target : nullptr, cache);
    auto& selection = chosen.selections.emplace_back();
    selection.rows = std::move(made.rows);
    selection.scores = pipeline::read_scores_table(made.records.back().folder, chosen.pool->size());
    chosen.record = std::move(made.record);
  }
  chosen.whatever_the_budget = open.method.budget_use == BudgetUse::kAll;
  return chosen;
}

}  // namespace scalselect::app
