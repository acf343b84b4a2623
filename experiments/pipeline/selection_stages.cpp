// Scores and selections: from features to the subset.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "baselines/registry.h"
#include "core/hash.h"
#include "core/interrupt.h"
#include "data/subset.h"
#include "experiments/pipeline/environment.h"
#include "experiments/pipeline/stages.h"
#include "experiments/runs/program.h"
#include "experiments/runs/warnings.h"
#include "selector/choose.h"
#include "selector/feature_kinds.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

constexpr int kSelectionVersion = 5;  ///< since 5 a constant column has no variance from rounding
constexpr int kChoiceVersion = 4;     ///< of the chosen rows' files: since 4 with a manifest

TableSource tables_of(const FeatureBundle& features) {
  return [&features](const FeatureSpec& spec) { return features.tables.at(describe_feature(spec).dump()); };
}

std::optional<TargetSource> target_source(const TargetFeatures* target) {
  if (target == nullptr) return {};
  TargetSource source{rows_of_pool(*target->pool.pool), {}, tables_of(target->features)};
  target->pool.pool->for_each([&](const Sample& sample) { source.tasks.push_back(sample.source); });
  return source;
}

std::string rows_digest(const std::vector<std::int64_t>& rows) { return sha256(rows_text(rows)); }

/// What scores do not depend on, but the choice does.
void add_to_key(const RunConfig& config, const RowSet& rows, nlohmann::json& params) {
  if (rows.constraints.text_only == TextOnly::kShare) params["seed"] = config.seed;
  if (!rows.constraints.must_keep.empty()) params["must_keep"] = rows_digest(rows.constraints.must_keep);
  for (const auto& source : config.constraints.sources)
    params["sources"].push_back(nlohmann::json(dump_options(source)));
  if (config.constraints.one_per_picture) params["one_per_picture"] = true;
}

/// Everything but the budget that scores depend on.
StageKey scores_key(const RunConfig& config, const Method& method, const OpenPool& pool, const RowSet& rows,
                    const FeatureBundle& features, const TargetFeatures* target) {
  StageKey key{"scores", kSelectionVersion, {{"pool", pool.digest}}, {{"method", config.method}}};
  key.params["options"] = nlohmann::json(find_method(config.method).resolve(config.method_options));
  for (const auto& [option, file] : method.files) key.params["options"][option] = sha256_file(file);
  if (method.uses_seed) key.params["seed"] = config.seed;
  const auto& constraints = rows.constraints;
  if (constraints.text_only != TextOnly::kAuto) key.params["text_only"] = dump_options(config.constraints)["text_only"];
  if (!constraints.excluded.empty()) key.params["exclude"] = rows_digest(constraints.excluded);
  for (const auto& spec : method.needs) {
    const auto text = describe_feature(spec).dump();
    key.inputs["features"].push_back(features.keys.at(text));
  }
  if (target == nullptr) return key;
  for (const auto& spec : method.target_needs) {
    key.inputs["target"].push_back(target->features.keys.at(describe_feature(spec).dump()));
  }
  return key;
}

/// Runs `fill` into the cache unless the key is there; returns the folder and what it cost.
template <class Fill>
StageRecord ensure(const ArtifactCache& cache, const std::string& stage, const StageKey& key, const Fill& fill) {
  const Meter meter;
  const auto [folder, cached] = ensure_artifact(cache, key, [&](const fs::path& fresh) {
    fill(fresh);
    return nlohmann::json{{"wall_s", meter.wall_s()}, {"cpu_s", meter.cpu_s()}, {"added_bytes", meter.added_bytes()}};
  });
  return {row_of(stage, key, cached, meter), folder};
}

/// The sum over the artifacts of `records`, whenever they were made.
SelectionCost cost_of(const std::vector<StageRecord>& records) {
  SelectionCost cost;
  for (const auto& record : records) {
    const auto facts = artifact_facts(record.folder);
    cost.wall_s += facts.at("wall_s").get<double>();
    cost.cpu_s += facts.at("cpu_s").get<double>();
    cost.added_bytes = std::max(cost.added_bytes, facts.at("added_bytes").get<std::int64_t>());
  }
  return cost;
}

std::vector<fs::path> folders_of(const FeatureBundle& features) {
  std::vector<fs::path> folders;
  for (const auto& [spec, record] : features.records) folders.push_back(record.folder);
  return folders;
}

/// Only what `method` reads: a bundle serves all methods of a sweep.
FeatureBundle bundle_of(const Method& method, const FeatureBundle& features) {
  FeatureBundle own;
  for (const auto& spec : method.needs) {
    const auto text = describe_feature(spec).dump();
    own.records.insert(*features.records.find(text));
  }
  return own;
}

SelectionRecord record_of(const RunConfig& config, const Method& method, const OpenPool& pool, const RowSet& rows,
                          const FeatureBundle& features, const TargetFeatures* target, const ArtifactCache& cache) {
  const FileDigests digests(cache.root() / "digests");
  const bool uses_model = !method.needs.empty() || !method.target_needs.empty();
  SelectionRecord record;
  record.settings["pool"] = pool_settings(config.pool);
  add_pool(record, "pool", pool, digests);
  if (uses_model) {
    const auto folder = inputs::find_path(config.model.path);
    record.settings["model"] = dump_options(config.model);
    add_folder(record, "model", folder, inputs::model_digest(folder, cache));
  }
  if (target != nullptr && !method.target_needs.empty()) {
    record.settings["target"] = pool_settings(*config.target);
    add_pool(record, "target", target->pool, digests);
  }
  record.settings["method"] = {{"name", config.method}};
  record.settings["method"].update(find_method(config.method).resolve(config.method_options));
  for (const auto& [option, file] : method.files) add_file(record, "method." + option, file, digests);
  record.settings["seed"] = config.seed;
  add_constraints(record, config.constraints, rows.constraints, digests);
  const auto folders = folders_of(bundle_of(method, features));
  count_without_features(record, folders, *pool.pool);
  for (const auto& folder : folders) add_warnings(record.warnings, remembered_warnings(folder));
  return record;
}

}  // namespace

void report_interrupt(int signal, const ArtifactCache& cache) {
  log_message(LogLevel::kError, fmt::format("Interrupted by {}: finished stages and checkpoints are kept in '{}'; the "
                                            "same command continues there.",
                                            signal_name(signal), cache.root().string()));
}

SelectionOutput ensure_selection(const RunConfig& config, const OpenPool& pool, const RowSet& rows,
                                 const FeatureBundle& features, const TargetFeatures* target,
                                 const ArtifactCache& cache, const std::string& command) {
  const auto method = make_method(config.method, config.method_options);
  Warnings heard;
  const auto source = target_source(target);
  const auto input = open_input(method, rows, tables_of(features), static_cast<std::uint64_t>(config.seed),
                                source ? &*source : nullptr);
  const StageKey base = scores_key(config, method, pool, rows, features, target);

  SelectionOutput output;
  output.record = record_of(config, method, pool, rows, features, target, cache);
  add_warnings(output.record.warnings, heard.take());
  if (method.budget_use == BudgetUse::kScores) {
    output.records.push_back(ensure(cache, "scores", base, [&](const fs::path& folder) {
      write_selection_files(score_candidates(method, input), folder);
    }));
  }
  StageKey key = base;
  key.stage = "selection";
  key.version = kChoiceVersion;
  add_to_key(config, rows, key.params);
  key.params["budget"] = rows_for(method, input, config.budget);
  output.records.push_back(ensure(cache, "selection", key, [&](const fs::path& folder) {
    std::optional<SelectionResult> scored;
    if (!output.records.empty()) {
      const auto& scores = output.records.front().folder;
      scored = {{}, read_scores_table(scores, pool.pool->size()), read_facts(scores)};
    }
    const auto selection = choose(method, input, config.budget, scored);
    write_selection_files({selection.rows, selection.scores, selection.facts}, folder);
    write_rows(*pool.pool, selection.rows, folder / "subset.json");
    auto record = output.record;
    record.settings["budget"] = config.budget.text();
    write_manifest(record, selection.rows, pool.pool.get(), folder / "subset.json", {program_facts(), command});
  }));
  output.key = key.digest();
  output.cost = cost_of(output.records);
  output.rows = read_chosen_rows(output.records.back().folder, pool.pool->size());
  auto sorted = output.rows;
  std::sort(sorted.begin(), sorted.end());
  output.rows_digest = sha256(rows_text(sorted));
  return output;
}

}  // namespace scalselect::pipeline
