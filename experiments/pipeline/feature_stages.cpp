// Features as a stage: what a sweep's methods read of a pool, from as few passes of the model as possible.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "core/device.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/process_group.h"
#include "core/work_cut.h"
#include "experiments/pipeline/environment.h"
#include "experiments/pipeline/feature_pass.h"
#include "experiments/pipeline/gradients.h"
#include "experiments/pipeline/stages.h"
#include "experiments/runs/warnings.h"
#include "selector/extraction.h"
#include "selector/feature_kinds.h"
#include "selector/feature_parts.h"
#include "selector/feature_store.h"
#include "selector/row_costs.h"
#include "vlm/probe.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

constexpr int kFeaturesVersion = 1;
constexpr int kCompatVersion = 2;    ///< what the authors' token roles mean; part of their features' keys alone
constexpr int kBFloat16Version = 2;  ///< since 2 with packed weights on the CPU; part of bfloat16 features' keys alone
constexpr int kLossVersion = 3;      ///< how a training's loss is computed; part of gradients' keys alone

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
  if (model.dtype == "bfloat16") key.params["bfloat16"] = kBFloat16Version;
  const auto precision = stored_precision(spec, model.feature_dtype);
  if (precision != StorePrecision::kFloat32) key.params["precision"] = precision_name(precision);
  if (const auto* point = gradient_point(spec)) {
    key.params["loss"] = kLossVersion;
    if (const auto warm_up = warm_up_key(point->options, place)) key.inputs["warm_up"] = warm_up->digest();
  }
  return key;
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
  log_warning("{} of {} samples have no {}, so a method that reads it cannot choose them; reasons in '{}'",
              store.rejects().size(), pool.pool->size(), feature_name(spec), (folder / "rejects.jsonl").string());
  for (std::size_t i = 0; i < std::min(kShown, rejects.size()); ++i)
    log_warning("  row {} (id '{}'): {}", rejects[i]->row, rejects[i]->id, rejects[i]->reason);
  if (rejects.size() > kShown) log_warning("  and {} more", rejects.size() - kShown);
}

/// The model that fills the stores of `jobs`, all of which need the same state of it.
FeaturePass::Extract open_extractor(const std::vector<ExtractionJob>& jobs, const ModelOptions& model,
                                    const fs::path& warm_up) {
  if (const auto* point = gradient_point(jobs.front().spec)) {
    const std::shared_ptr<GradientProbe> probe = open_gradients(*point, model, warm_up);
    return [probe](const auto& rows, const auto& jobs_of_part, const auto& options) {
      extract_gradients(rows, *probe, jobs_of_part, options);
    };
  }
  std::vector<FeatureSpec> specs;
  for (const auto& job : jobs) specs.push_back(job.spec);
  vlm::ProbeOptions options;
  options.pixels = pixels_of(model);
  options.chat_template = model.chat_template;
  const std::shared_ptr<FeatureProbe> probe =
      vlm::open_probe(inputs::find_path(model.path), model.dtype, request_for(specs), options);
  return [probe](const auto& rows, const auto& jobs_of_part, const auto& extraction) {
    extract_features(rows, *probe, jobs_of_part, extraction);
  };
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

/// The features of one pool and model that a command needs, until the cache has them.
class Extraction {
 public:
  Extraction(const std::vector<FeatureSpec>& specs, const OpenPool& pool, const WarmUpPlace& place,
             const ArtifactCache& cache)
      : pool_(pool), place_(place), cache_(cache) {
    for (const auto& spec : specs) {
      auto key = features_key(spec, pool, place);
      auto digest = key.digest();
      wanted_.emplace(std::move(digest), Wanted{spec, std::move(key)});
    }
  }

  /// Computes what no other process computes, and waits for nobody.
  void help() {
    work([](FeaturePass&) {});
  }

  void complete() {
    while (work([](FeaturePass& pass) { pass.await_others(); })) put_together();
  }

  /// Whether this process has computed a part of it.
  bool computed(const std::string& digest) const { return computed_.contains(digest); }
  /// What was trained for the feature, which is the first that asked for it.
  std::optional<StageRecord> warm_up(const std::string& digest) const {
    const auto found = warm_ups_.find(digest);
    return found == warm_ups_.end() ? std::optional<StageRecord>() : found->second;
  }
  /// Whether this process has logged the warning already.
  bool has_said(const std::string& warning) const {
    const std::lock_guard<std::mutex> guard(lock_);
    return said_.contains(warning);
  }

 private:
  struct Wanted {
    FeatureSpec spec;
    StageKey key;
  };
  struct Pass {
    std::vector<WorkPart> cut;
    std::vector<std::string> digests;
  };

  /// One round over what the cache lacks; false if it lacks nothing. Shares are taken in the order of the keys, so that
  /// two processes never wait for each other in a circle.
  bool work(const std::function<void(FeaturePass&)>& then) {
    std::map<std::string, ArtifactCache::Share> shares;
    std::map<std::string, std::vector<std::string>> by_state;
    for (const auto& [digest, wanted] : wanted_) {
      if (cache_.find(wanted.key)) continue;
      auto share = cache_.share(wanted.key);
      if (cache_.find(wanted.key)) continue;
      shares.emplace(digest, std::move(share));
      by_state[pass_of(wanted.spec)].push_back(digest);
    }
    for (const auto& [state, digests] : by_state) {
      for (const auto& pass : passes_over(digests, shares)) {
        std::vector<ExtractionJob> jobs;
        for (const auto& digest : pass.digests)
          jobs.push_back({wanted_.at(digest).spec, shares.at(digest).folder(), place_.model->feature_dtype});
        run_pass(pass, jobs, then);
      }
    }
    return !shares.empty();
  }

  /// Stores whose rows are cut alike: those that have been begun as they are, the others as the first of these.
  std::vector<Pass> passes_over(std::vector<std::string> digests,
                                const std::map<std::string, ArtifactCache::Share>& shares) {
    const auto rows = pool_.pool->size();
    std::stable_partition(digests.begin(), digests.end(), [&](const std::string& digest) {
      return !StoreParts::known_cut(shares.at(digest).folder(), rows).empty();
    });
    std::vector<Pass> passes;
    for (const auto& digest : digests) {
      auto cut = StoreParts::cut(shares.at(digest).folder(), rows,
                                 [&] { return passes.empty() ? new_cut() : passes.front().cut; });
      const auto same = std::find_if(passes.begin(), passes.end(), [&](const Pass& pass) { return pass.cut == cut; });
      if (same != passes.end()) same->digests.push_back(digest);
      else passes.push_back({std::move(cut), {digest}});
    }
    for (auto& pass : passes) std::sort(pass.digests.begin(), pass.digests.end());  // the order of their locks
    return passes;
  }

  /// A process that knows of no other cuts whole batches, in order and without a look at the rows: it may be a task of
  /// a job array. A GPU is kept busy by more rows than one for each thread.
  std::vector<WorkPart> new_cut() const {
    constexpr int kTasks = 8;
    constexpr std::int64_t kMost = 1024, kLeastOnGpu = 64;
    const auto group = process_group();
    if (group.size > 1) {
      const auto least = compute_device().cuda ? kLeastOnGpu : thread_count();
      return cut_work(row_costs(*pool_.pool), {group.size, least, kMost});
    }
    const auto rows = pool_.pool->size(), batch = FeaturePass::batch_rows();
    const std::vector<WorkItem> batches(static_cast<std::size_t>((rows + batch - 1) / batch));
    auto parts = cut_work(batches, {kTasks, 1, kMost / batch});
    for (auto& part : parts) part = {part.first * batch, std::min(part.end * batch, rows)};
    return parts;
  }

  void run_pass(const Pass& pass_of_stores, const std::vector<ExtractionJob>& jobs,
                const std::function<void(FeaturePass&)>& then) {
    const auto& digests = pass_of_stores.digests;
    std::string names;
    for (const auto& job : jobs) names += (names.empty() ? "" : ", ") + feature_name(job.spec);
    fs::path warm_up;
    if (const auto* point = gradient_point(jobs.front().spec); point && warm_up_key(point->options, place_)) {
      const auto record = ensure_warm_up(point->options, place_, cache_);
      warm_up = record.folder;
      if (!record.row.cached) warm_ups_.emplace(digests.front(), record);
    }
    log_info("features: one pass over {} samples for {}", pool_.pool->size(), names);
    FeaturePass pass(
        *pool_.pool, jobs, pass_of_stores.cut, [&] { return open_extractor(jobs, *place_.model, warm_up); }, heard_);
    pass.take_free_parts();
    then(pass);
    if (pass.computed()) computed_.insert(digests.begin(), digests.end());
  }

  /// Of the features whose parts are all there, what another process has not put together meanwhile.
  void put_together() {
    for (const auto& [digest, wanted] : wanted_) {
      if (cache_.find(wanted.key)) continue;
      auto whole = cache_.begin(wanted.key);
      if (cache_.find(wanted.key)) continue;
      const StoreParts parts(whole.folder(), StoreParts::known_cut(whole.folder(), pool_.pool->size()));
      std::vector<std::string> warnings;
      bool missing = parts.count() == 0;
      for (std::int64_t part = 0; part < parts.count() && !missing; ++part) {
        missing = !parts.finished(part);
        if (!missing) add_warnings(warnings, parts.facts(part).value("warnings", std::vector<std::string>()));
      }
      if (missing) continue;
      parts.join();
      whole.commit({{"warnings", warnings}});
    }
  }

  const OpenPool& pool_;
  const WarmUpPlace& place_;
  const ArtifactCache& cache_;
  std::map<std::string, Wanted> wanted_;  // by digest
  std::set<std::string> computed_;
  std::map<std::string, StageRecord> warm_ups_;
  mutable std::mutex lock_;
  std::set<std::string> said_;
  Warnings heard_{[this](const std::string& text) {
    const std::lock_guard<std::mutex> guard(lock_);
    said_.insert(text);
  }};
};

WarmUpPlace place_of(const OpenPool& pool, const ModelOptions& model, const ArtifactCache& cache,
                     const OpenPool* warm_up_pool) {
  return {warm_up_pool == nullptr ? &pool : warm_up_pool, &model,
          inputs::model_digest(inputs::find_path(model.path), cache)};
}

}  // namespace

StageRow row_of(const std::string& stage, const StageKey& key, bool cached, const Meter& meter) {
  return {stage, key.digest(), cached, meter.wall_s(), meter.cpu_s(), Meter::peak_rss()};
}

std::string pass_of(const FeatureSpec& spec) {
  if (is_compat(spec)) return "compat";
  const auto* point = gradient_point(spec);
  return point == nullptr ? "" : describe_point(*point).dump();
}

FeatureBundle ensure_features(const std::vector<FeatureSpec>& specs, const OpenPool& pool, const ModelOptions& model,
                              const ArtifactCache& cache, const OpenPool* warm_up_pool) {
  FeatureBundle bundle;
  if (specs.empty()) return bundle;
  const auto place = place_of(pool, model, cache, warm_up_pool);
  const Meter meter;
  Extraction extraction(specs, pool, place, cache);
  extraction.complete();
  for (const auto& spec : specs) {
    const auto text = describe_feature(spec).dump();
    if (bundle.keys.contains(text)) continue;
    const auto key = features_key(spec, pool, place);
    const auto digest = key.digest();
    const auto folder = cache.find(key);
    const bool computed = extraction.computed(digest);
    bundle.keys[text] = digest;
    bundle.extracted = bundle.extracted || computed;
    bundle.tables[text] = FeatureStore::table(*folder);
    bundle.records[text] = {row_of("features/" + feature_name(spec), key, !computed, meter), *folder};
    for (const auto& warning : remembered_warnings(*folder)) {
      if (!extraction.has_said(warning)) log_warning("{}", warning);
    }
    if (const auto warm_up = extraction.warm_up(digest)) bundle.warm_ups.emplace(text, *warm_up);
    else if (const auto known = cached_warm_up(spec, place, cache)) bundle.warm_ups.emplace(text, *known);
    report_rejects(pool, spec, *folder);
  }
  return bundle;
}

void help_features(const std::vector<FeatureSpec>& specs, const OpenPool& pool, const ModelOptions& model,
                   const ArtifactCache& cache, const OpenPool* warm_up_pool) {
  if (specs.empty()) return;
  const auto place = place_of(pool, model, cache, warm_up_pool);
  Extraction(specs, pool, place, cache).help();
}

}  // namespace scalselect::pipeline
