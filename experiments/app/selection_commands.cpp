// extract, and select with a model: the steps for people who train elsewhere.
#include <fmt/format.h>

#include "baselines/registry.h"
#include "core/interrupt.h"
#include "experiments/app/selection_outputs.h"
#include "experiments/app/trainer_files.h"
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
  check_outputs({asked.out}, {pool.path});
  const InterruptGuard on_interrupt([&](int signal) { pipeline::report_interrupt(signal, cache); });
  const auto bundle = pipeline::ensure_features(needs, pool, model, cache);
  const auto& record = bundle.records.begin()->second;
  const FeatureStore store(record.folder);
  export_representations(store, asked.ids, asked.out);
  fmt::print("{}: {} x {} representations of '{}', {} samples rejected\n", asked.out, store.rows(), store.cols(),
             pool.path.string(), store.rejects().size());
  return 0;
}

int select_with_model(const Words& words) {
  auto bound = bind_command(parse_flags(words), "select");
  const auto budgets = budgets_from(bound.take_raw("budget"));
  const ArtifactCache cache(bound.tree.value("cache", "cache"));
  const auto pool = inputs::open_pool(bound.take<inputs::PoolOptions>("pool"), cache);
  const auto target_options = inputs::target_from(bound.take_raw("target"), bound.origin);
  pipeline::RunConfig config;
  const auto model_tree = bound.tree.value("model", nlohmann::json());
  config.model = bound.take<pipeline::ModelOptions>("model");
  const auto choice = take_method(bound);
  const auto asked = bind_options<schema::SelectOptions>(bound.tree, "", bound.origin);
  asked.machine.use();
  config.method = choice.name;
  config.method_options = choice.options;
  config.seed = asked.seed;
  config.constraints = asked.constraints;
  const auto method = make_method(choice.name, choice.options, "method", bound.origin);
  require_target(method, target_options.has_value());
  std::optional<pipeline::TargetFeatures> target;
  if (target_options) target = pipeline::TargetFeatures{inputs::open_pool(*target_options, cache), {}};
  std::vector<fs::path> files = {pool.path};
  if (target) files.push_back(target->pool.path);
  const auto outputs = outputs_for(asked, budgets, files);
  const auto handover = trainer_files(asked, model_tree);
  const auto rows = inputs::row_set(pool, asked.constraints, cache);
  for (const auto& budget : budgets) check_constraints(method, rows, budget);
  const InterruptGuard on_interrupt([&](int signal) { pipeline::report_interrupt(signal, cache); });
  const auto features = pipeline::ensure_features(method.needs, pool, config.model, cache);
  if (target) {
    target->features = pipeline::ensure_features(method.target_needs, target->pool, config.model, cache, &pool);
  }
  std::vector<pipeline::SelectionOutput> selections;
  for (const auto& budget : budgets) {
    config.budget = budget;
    selections.push_back(pipeline::ensure_selection(config, pool, rows, features, target ? &*target : nullptr, cache));
  }
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    write_selection(rows, pool.pool.get(), selections[i].rows, outputs[i], budgets[i]);
    write_trainer_files(handover, &pool, selections[i].rows, outputs[i]);
  }
  if (asked.ranking) {
    Selection last;
    last.rows = selections.back().rows;
    last.scores = pipeline::read_scores_table(selections.back().records.back().folder, pool.pool->size());
    write_ranking_of(*pool.pool, last, *asked.ranking);
  }
  return 0;
}

}  // namespace scalselect::app
