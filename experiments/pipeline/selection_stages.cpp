// Features, scores and selections: everything up to the subset.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "baselines/registry.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "experiments/pipeline/environment.h"
#include "experiments/pipeline/stages.h"
#include "selector/extraction.h"
#include "selector/feature_store.h"
#include "vlm/probe.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

constexpr int kFeaturesVersion = 1;
constexpr int kSelectionVersion = 1;

StageKey features_key(const FeatureSpec& spec, const OpenPool& pool, const ModelOptions& model,
                      const std::string& model_hash) {
  return {"features",
          kFeaturesVersion,
          {{"pool", pool.digest}, {"model", model_hash}},
          {{"feature", nlohmann::json(describe_feature(spec))}, {"dtype", model.dtype}}};
}

StageRow row_of(const std::string& stage, const StageKey& key, bool cached, const Meter& meter) {
  return {stage, key.digest(), cached, meter.wall_s(), meter.cpu_s(), Meter::peak_rss()};
}

std::vector<FeatureSpec> specs_of(const std::vector<ExtractionJob>& jobs) {
  std::vector<FeatureSpec> specs;
  for (const auto& job : jobs) specs.push_back(job.spec);
  return specs;
}

/// Rows that every needed table holds and that the pool did not reject.
std::vector<std::int64_t> candidates_of(const OpenPool& pool, const std::vector<FeatureTable>& tables) {
  std::vector<int> seen(static_cast<std::size_t>(pool.pool->size()), 0);
  for (const auto& table : tables) {
    for (const auto row : table.rows) ++seen[static_cast<std::size_t>(row)];
  }
  std::vector<std::int64_t> rows;
  for (std::int64_t row = 0; row < pool.pool->size(); ++row) {
    const bool complete = seen[static_cast<std::size_t>(row)] == static_cast<int>(tables.size());
    if (complete && pool.pool->reject_reason(row).empty()) rows.push_back(row);
  }
  return rows;
}

std::string rows_text(const std::vector<std::int64_t>& rows) {
  std::string text;
  for (const auto row : rows) text += std::to_string(row) + "\n";
  return text;
}

/// Says which samples the model could not read, and why; those that the pool itself left out were named when it was
/// read.
void report_rejects(const OpenPool& pool, const FeatureSpec& spec, const fs::path& folder) {
  constexpr std::size_t kShown = 5;
  const FeatureStore store(folder);
  std::vector<const FeatureReject*> rejects;
  for (const auto& reject : store.rejects()) {
    if (pool.pool->reject_reason(reject.row).empty()) rejects.push_back(&reject);
  }
  if (store.rejects().empty()) return;
  log_warning("{} of {} samples have no {} and cannot be chosen; reasons in '{}'", store.rejects().size(),
              pool.pool->size(), feature_name(spec), (folder / "rejects.jsonl").string());
  for (std::size_t i = 0; i < std::min(kShown, rejects.size()); ++i)
    log_warning("  row {} (id '{}'): {}", rejects[i]->row, rejects[i]->id, rejects[i]->reason);
  if (rejects.size() > kShown) log_warning("  and {} more", rejects.size() - kShown);
}

/// "row <tab> score" with every digit of the double; only rows that have one.
std::string scores_text(const std::vector<double>& scores) {
  std::string text;
  for (std::size_t row = 0; row < scores.size(); ++row) {
    if (!std::isnan(scores[row])) text += fmt::format("{}\t{}\n", row, scores[row]);
  }
  return text;
}

std::vector<std::int64_t> read_row_list(const fs::path& file) {
  std::vector<std::int64_t> rows;
  std::istringstream in(read_file(file));
  for (std::int64_t row = 0; in >> row;) rows.push_back(row);
  return rows;
}

MethodInput input_for(const SelectionMethod& method, const OpenPool& pool, const FeatureBundle& features,
                      std::int64_t seed) {
  MethodInput input;
  input.pool_size = pool.pool->size();
  input.seed = static_cast<std::uint64_t>(seed);
  for (const auto& spec : method.needs()) input.features.push_back(features.tables.at(describe_feature(spec).dump()));
  input.candidates = candidates_of(pool, input.features);
  if (input.candidates.empty()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("No sample of '{}' can be selected: every row was rejected.", pool.path.string()),
                    "See rejects.jsonl in the feature artifacts for the reasons.");
  }
  return input;
}

/// Everything but the budget that a selection depends on.
StageKey scores_key(const RunConfig& config, const SelectionMethod& method, const OpenPool& pool,
                    const FeatureBundle& features) {
  StageKey key{"scores", kSelectionVersion, {{"pool", pool.digest}}, {{"method", config.method}}};
  key.params["options"] = nlohmann::json(find_method(config.method).resolve(config.method_options));
  if (method.uses_seed()) key.params["seed"] = config.seed;
  for (const auto& spec : method.needs()) {
    const auto text = describe_feature(spec).dump();
    key.inputs["features"].push_back(features.keys.at(text));
  }
  return key;
}

/// Runs `fill` into the cache unless the key is there; returns the folder and what it cost.
template <class Fill>
StageRecord ensure(const ArtifactCache& cache, const std::string& stage, const StageKey& key, const Fill& fill) {
  const Meter meter;
  if (const auto folder = cache.find(key)) return {row_of(stage, key, true, meter), *folder};
  auto work = cache.begin(key);
  if (const auto folder = cache.find(key)) return {row_of(stage, key, true, meter), *folder};
  fill(work.folder());
  const auto folder = work.commit();
  return {row_of(stage, key, false, meter), folder};
}

}  // namespace

std::vector<double> read_scores_table(const fs::path& folder, std::int64_t pool_size) {
  if (!fs::exists(folder / "scores.tsv")) return {};
  std::vector<double> scores(static_cast<std::size_t>(pool_size), std::nan(""));
  std::istringstream in(read_file(folder / "scores.tsv"));
  std::size_t row = 0;
  for (std::string number; in >> row >> number;) scores[row] = std::stod(number);
  return scores;
}

FeatureBundle ensure_features(const std::vector<FeatureSpec>& specs, const OpenPool& pool, const ModelOptions& model,
                              const ArtifactCache& cache) {
  FeatureBundle bundle;
  if (specs.empty()) return bundle;
  const fs::path folder = find_path(model.path);
  const std::string model_hash = model_digest(folder);
  const Meter meter;

  std::map<std::string, FeatureSpec> wanted;
  for (const auto& spec : specs) wanted.emplace(describe_feature(spec).dump(), spec);
  // Locks are taken in key order, so that two processes never wait for each other in a circle.
  std::map<std::string, std::pair<std::string, ArtifactCache::Work>> missing;
  for (const auto& [text, spec] : wanted) {
    const auto key = features_key(spec, pool, model, model_hash);
    bundle.keys[text] = key.digest();
    if (cache.find(key)) continue;
    auto work = cache.begin(key);
    if (!cache.find(key)) missing.emplace(key.digest(), std::pair(text, std::move(work)));
  }
  if (!missing.empty()) {
    std::vector<ExtractionJob> jobs;
    std::string names;
    for (auto& [digest, entry] : missing) {
      const auto& spec = wanted.at(entry.first);
      jobs.push_back({spec, entry.second.folder()});
      names += (names.empty() ? "" : ", ") + feature_name(spec);
    }
    log_info("features: one pass over {} samples for {}", pool.pool->size(), names);
    const auto probe = vlm::open_probe(folder, model.dtype, request_for(specs_of(jobs)));
    Progress progress("extracting", "samples", pool.pool->size());
    std::int64_t shown = 0;
    ExtractionOptions options;
    options.on_progress = [&](std::int64_t done, std::int64_t) {
      progress.advance(done - shown);
      shown = done;
    };
    extract_features(*pool.pool, *probe, jobs, options);
    for (auto& [digest, entry] : missing) entry.second.commit();
    bundle.extracted = true;
  }
  for (const auto& [text, spec] : wanted) {
    const auto key = features_key(spec, pool, model, model_hash);
    const auto place = cache.find(key);
    bundle.tables[text] = FeatureStore::table(*place);
    const bool cached = !missing.contains(key.digest());
    bundle.records[text] = {row_of("features/" + feature_name(spec), key, cached, meter), *place};
    report_rejects(pool, spec, *place);
  }
  return bundle;
}

SelectionOutput ensure_selection(const RunConfig& config, const OpenPool& pool, const FeatureBundle& features,
                                 const ArtifactCache& cache) {
  const auto method = make_method(config.method, config.method_options);
  const auto input = input_for(*method, pool, features, config.seed);
  const std::int64_t available = static_cast<std::int64_t>(input.candidates.size());
  const std::int64_t budget = config.budget.rows(available);
  const StageKey base = scores_key(config, *method, pool, features);

  SelectionOutput output;
  output.candidates = available;
  const auto write = [&](const fs::path& folder, const SelectionResult& result) {
    write_file_atomically(folder / "rows.txt", rows_text(result.rows));
    write_file_atomically(folder / "facts.json", result.facts.dump(1) + "\n");
    if (!result.scores.empty()) write_file_atomically(folder / "scores.tsv", scores_text(result.scores));
  };
  if (method->budget_use() == BudgetUse::kScores) {
    output.records.push_back(ensure(cache, "scores", base,
                                    [&](const fs::path& folder) { write(folder, method->select(input, available)); }));
  }
  StageKey key = base;
  key.stage = "selection";
  key.params["budget"] = budget;
  output.records.push_back(ensure(cache, "selection", key, [&](const fs::path& folder) {
    SelectionResult result;
    if (method->budget_use() == BudgetUse::kScores) {
      const auto& scored = output.records[0].folder;
      result.scores = read_scores_table(scored, pool.pool->size());
      result.rows = top_rows(result.scores, input.candidates, budget);
      result.facts = nlohmann::ordered_json::parse(read_file(scored / "facts.json"));
    } else {
      result = method->select(input, budget);
    }
    write(folder, result);
    write_subset(*pool.pool, result.rows, folder / "subset.json");
  }));
  output.key = key.digest();
  output.rows = read_row_list(output.records.back().folder / "rows.txt");
  auto sorted = output.rows;
  std::sort(sorted.begin(), sorted.end());
  output.rows_digest = sha256(rows_text(sorted));
  return output;
}

}  // namespace scalselect::pipeline
