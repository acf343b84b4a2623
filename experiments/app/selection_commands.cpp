// extract, and select with a model: the steps for people who train elsewhere.
#include <fmt/format.h>

#include "baselines/registry.h"
#include "core/interrupt.h"
#include "experiments/app/selection_outputs.h"
#include "experiments/inputs/constraints.h"
#include "experiments/pipeline/stages.h"
#include "selector/feature_store.h"

namespace scalselect::app {
namespace fs = std::filesystem;

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
  const auto bundle = pipeline::ensure_features(needs, pool, model, cache);
  const auto& record = bundle.records.begin()->second;
  const FeatureStore store(record.folder);
  export_representations(store, asked.ids, asked.out);
  fmt::print("{}: {} x {} representations of '{}', {} samples rejected\n", asked.out, store.rows(), store.cols(),
             pool.path.string(), store.rejects().size());
  return 0;
}

void enter_model_program(const char*, const Words&) {}

Chosen choose_with_model(Bound bound) {
  const auto asked = select_options(bound);
  asked.machine.use();
  const ArtifactCache cache(bound.tree.value("cache", "cache"));
  pipeline::RunConfig config;
  config.pool = bound.take<inputs::PoolOptions>("pool");
  config.target = inputs::target_from(bound.take_raw("target"), bound.origin);
  config.model = bound.take<pipeline::ModelOptions>("model");
  const auto choice = take_method(bound);
  config.method = choice.name;
  config.method_options = choice.options;
  config.seed = asked.seed;
  config.constraints = asked.constraints;
  const auto method = make_method(choice.name, choice.options, "method", bound.origin);
  Chosen chosen;
  chosen.budgets = budgets_of(bound);
  require_target(method, config.target.has_value());
  const auto pool = inputs::open_pool(config.pool, cache);
  std::optional<pipeline::TargetFeatures> target;
  if (config.target) target = pipeline::TargetFeatures{inputs::open_pool(*config.target, cache), {}};
  chosen.pool = pool.pool;
  chosen.rows = inputs::row_set(pool, asked.constraints, cache);
  for (const auto& budget : chosen.budgets) check_constraints(method, chosen.rows, budget);
  const InterruptGuard on_interrupt([&](int signal) { pipeline::report_interrupt(signal, cache); });
  const auto features = pipeline::ensure_features(method.needs, pool, config.model, cache);
  if (target) {
    target->features = pipeline::ensure_features(method.target_needs, target->pool, config.model, cache, &pool);
  }
  for (const auto& budget : chosen.budgets) {
    config.budget = budget;
    auto made = pipeline::ensure_selection(config, pool, chosen.rows, features, target ? &*target : nullptr, cache);
    auto& selection = chosen.selections.emplace_back();
    selection.rows = std::move(made.rows);
    selection.scores = pipeline::read_scores_table(made.records.back().folder, pool.pool->size());
    chosen.record = std::move(made.record);
  }
  chosen.whatever_the_budget = method.budget_use == BudgetUse::kAll;
  return chosen;
}

}  // namespace scalselect::app
