// Features, scores and selections: everything up to the subset.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "baselines/registry.h"
#include "core/hash.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "data/subset.h"
#include "experiments/pipeline/environment.h"
#include "experiments/pipeline/gradients.h"
#include "experiments/pipeline/stages.h"
#include "experiments/runs/program.h"
#include "experiments/runs/warnings.h"
#include "selector/choose.h"
#include "selector/extraction.h"
#include "selector/feature_kinds.h"
#include "selector/feature_store.h"
#include "vlm/probe.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

constexpr int kFeaturesVersion = 1;
constexpr int kCompatVersion = 2;     ///< what the authors' token roles mean; part of their features' keys alone
constexpr int kSelectionVersion = 5;  ///< since 5 a constant column has no variance from rounding
constexpr int kChoiceVersion = 4;     ///< of the chosen rows' files: since 4 with a manifest

bool is_compat(const FeatureSpec& spec) {
  const auto* pooled = std::get_if<PooledVisualSpec>(&spec);
  return pooled != nullptr && pooled->states.roles == TokenRoles::kCompat;
}

StageKey features_key(const FeatureSpec& spec, const OpenPool& pool, const WarmUpPlace& place) {
  const auto& model = *place.model;
  StageKey key{
      "features",
      kFeaturesVersion,
      {{"pool", pool.digest}, {"model", place.model_hash}},
      with_model_options({{"feature", nlohmann::json(describe_feature(spec))}, {"dtype", model.dtype}}, model)};
  if (is_compat(spec)) key.params["compat"] = kCompatVersion;
  if (const auto* point = gradient_point(spec)) {
    if (const auto warm_up = warm_up_key(point->options, place)) key.inputs["warm_up"] = warm_up->digest();
  }
  return key;
}

StageRow row_of(const std::string& stage, const StageKey& key, bool cached, const Meter& meter) {
  return {stage, key.digest(), cached, meter.wall_s(), meter.cpu_s(), Meter::peak_rss()};
}

std::vector<FeatureSpec> specs_of(const std::vector<ExtractionJob>& jobs) {
  std::vector<FeatureSpec> specs;
  for (const auto& job : jobs) specs.push_back(job.spec);
  return specs;
}

/// Says which samples the model could not read, and why; those that the pool itself left out were named when it was
/// read.
void report_rejects(const OpenPool& pool, const FeatureSpec& spec, const fs::path& folder) {
  constexpr std::size_t kShown = 5;
  const FeatureStore store(folder);
  std::vector<const FeatureReject*> rejects;
  for (const auto& reject : store.rejects()) {
    if (pool.pool->usable(reject.row)) rejects.push_back(&reject);
  }
  if (store.rejects().empty()) return;
  log_warning("{} of {} samples have no {} and cannot be chosen; reasons in '{}'", store.rejects().size(),
              pool.pool->size(), feature_name(spec), (folder / "rejects.jsonl").string());
  for (std::size_t i = 0; i < std::min(kShown, rejects.size()); ++i)
    log_warning("  row {} (id '{}'): {}", rejects[i]->row, rejects[i]->id, rejects[i]->reason);
  if (rejects.size() > kShown) log_warning("  and {} more", rejects.size() - kShown);
}

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

/// One pass over the pool for `jobs`, all of which need the same state of the model. Returns the warm-up it took.
std::optional<StageRecord> run_pass(const OpenPool& pool, const WarmUpPlace& place,
                                    const std::vector<ExtractionJob>& jobs, const ArtifactCache& cache) {
  std::string names;
  for (const auto& job : jobs) names += (names.empty() ? "" : ", ") + feature_name(job.spec);
  const auto* point = gradient_point(jobs.front().spec);
  std::optional<StageRecord> warm_up;
  if (point != nullptr && warm_up_key(point->options, place)) warm_up = ensure_warm_up(point->options, place, cache);
  log_info("features: one pass over {} samples for {}", pool.pool->size(), names);
  Progress progress("extracting", "samples", pool.pool->size());
  std::int64_t shown = 0;
  ExtractionOptions options;
  options.on_progress = [&](std::int64_t done, std::int64_t) {
    progress.advance(done - shown);
    shown = done;
  };
  if (point != nullptr) {
    const auto probe = open_gradients(*point, *place.model, warm_up ? warm_up->folder : fs::path());
    extract_gradients(*pool.pool, *probe, jobs, options);
  } else {
    vlm::ProbeOptions probe_options;
    probe_options.pixels = pixels_of(*place.model);
    probe_options.chat_template = place.model->chat_template;
    const auto probe = vlm::open_probe(inputs::find_path(place.model->path), place.model->dtype,
                                       request_for(specs_of(jobs)), probe_options);
    extract_features(*pool.pool, *probe, jobs, options);
  }
  return warm_up;
}

/// The warm-up that a gradient needs, if the cache still holds it.
std::optional<StageRecord> cached_warm_up(const FeatureSpec& spec, const WarmUpPlace& place,
                                          const ArtifactCache& cache) {
  const auto* point = gradient_point(spec);
  if (point == nullptr) return {};
  const auto key = warm_up_key(point->options, place);
  if (!key || !cache.find(*key)) return {};
  return ensure_warm_up(point->options, place, cache);
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

std::string pass_of(const FeatureSpec& spec) {
  if (is_compat(spec)) return "compat";
  const auto* point = gradient_point(spec);
  return point == nullptr ? "" : describe_point(*point).dump();
}

void report_interrupt(int signal, const ArtifactCache& cache) {
  log_message(LogLevel::kError, fmt::format("Interrupted by {}: finished stages and checkpoints are kept in '{}'; the "
                                            "same command continues there.",
                                            signal_name(signal), cache.root().string()));
}

FeatureBundle ensure_features(const std::vector<FeatureSpec>& specs, const OpenPool& pool, const ModelOptions& model,
                              const ArtifactCache& cache, const OpenPool* warm_up_pool) {
  FeatureBundle bundle;
  if (specs.empty()) return bundle;
  const WarmUpPlace place{warm_up_pool == nullptr ? &pool : warm_up_pool, &model,
                          inputs::model_digest(inputs::find_path(model.path), cache)};
  const Meter meter;

  std::map<std::string, FeatureSpec> requested;
  for (const auto& spec : specs) requested.emplace(describe_feature(spec).dump(), spec);
  // Locks are taken in key order, so that two processes never wait for each other in a circle.
  std::map<std::string, std::pair<std::string, ArtifactCache::Writer>> missing;
  for (const auto& [text, spec] : requested) {
    const auto key = features_key(spec, pool, place);
    bundle.keys[text] = key.digest();
    if (cache.find(key)) continue;
    auto work = cache.begin(key);
    if (!cache.find(key)) missing.emplace(key.digest(), std::pair(text, std::move(work)));
  }
  std::map<std::string, std::vector<ExtractionJob>> passes;
  for (auto& [digest, entry] : missing) {
    const auto& spec = requested.at(entry.first);
    passes[pass_of(spec)].push_back({spec, entry.second.folder()});
  }
  std::map<std::string, StageRecord> trained;
  Warnings heard;
  for (const auto& [state, jobs] : passes) {
    const auto warm_up = run_pass(pool, place, jobs, cache);
    if (warm_up && !warm_up->row.cached) trained.emplace(describe_feature(jobs.front().spec).dump(), *warm_up);
  }
  const auto warnings = heard.take();
  for (auto& [digest, entry] : missing) entry.second.commit({{"warnings", warnings}});
  bundle.extracted = !missing.empty();
  for (const auto& [text, spec] : requested) {
    const auto key = features_key(spec, pool, place);
    const auto folder = cache.find(key);
    bundle.tables[text] = FeatureStore::table(*folder);
    const bool cached = !missing.contains(key.digest());
    if (cached) repeat_warnings(*folder);
    bundle.records[text] = {row_of("features/" + feature_name(spec), key, cached, meter), *folder};
    if (const auto found = trained.find(text); found != trained.end()) bundle.warm_ups.insert(*found);
    else if (const auto warm_up = cached_warm_up(spec, place, cache)) bundle.warm_ups.emplace(text, *warm_up);
    report_rejects(pool, spec, *folder);
  }
  return bundle;
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
