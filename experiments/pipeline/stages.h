// The stages of a run, each a function of its configuration and the content of its inputs, kept in the artifact cache.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/artifact_cache.h"
#include "core/store.h"
#include "experiments/pipeline/environment.h"
#include "experiments/pipeline/run_config.h"
#include "experiments/runs/manifest.h"
#include "experiments/runs/selection_files.h"
#include "selector/choose.h"
#include "selector/features.h"
#include "selector/method.h"

namespace scalselect::pipeline {

using inputs::OpenPool;

/// What a stage cost and where its output is.
struct StageRecord {
  StageRow row;
  std::filesystem::path folder;
};

/// The row of a stage that has just ended, `meter` being as old as its work.
StageRow row_of(const std::string& stage, const StageKey& key, bool cached, const Meter& meter);

/// Specs of one name share a pass over a pool: those that need the same state of the model; the plain one has no name.
/// The authors' roles lose rows that others read, so they have a separate pass, "compat".
std::string pass_of(const FeatureSpec& spec);

/// Logs, as an error, that `signal` has ended the command, what of its work is kept and how to continue.
void report_interrupt(int signal, const ArtifactCache& cache);

/// Tables of features by the canonical text of their spec.
struct FeatureBundle {
  std::map<std::string, FeatureTable> tables;
  std::map<std::string, std::string> keys;  ///< spec text -> artifact digest
  std::map<std::string, StageRecord> records;
  std::map<std::string, StageRecord> warm_ups;  ///< of gradients; by spec text, where there is one
  bool extracted = false;                       ///< false: everything came from the cache
};

/// All `specs` from one pass of the model over the pool, those that the cache lacks; resumable row by row, and shared
/// with whatever processes need the same features of the same cache at the same time (feature_pass.h). Rejected rows
/// are listed in each table's folder (rejects.jsonl) and counted in the log. Gradients take a separate pass for each
/// state of the model at which they are taken. `warm_up_pool`: the pool that warms the model up for gradients,
/// if it is not `pool` itself (for a target pool: the pool that is selected from).
FeatureBundle ensure_features(const std::vector<FeatureSpec>& specs, const OpenPool& pool, const ModelOptions& model,
                              const ArtifactCache& cache, const OpenPool* warm_up_pool = nullptr);

/// Takes part in what ensure_features does in other processes, until none of it is left to begin; waits for nobody.
void help_features(const std::vector<FeatureSpec>& specs, const OpenPool& pool, const ModelOptions& model,
                   const ArtifactCache& cache, const OpenPool* warm_up_pool = nullptr);

/// The target pool, with what a method reads of it.
struct TargetFeatures {
  OpenPool pool;
  FeatureBundle features;  ///< of the method's target_needs(), at least
};

/// What scoring and choosing took when it was computed, features given.
struct SelectionCost {
  double wall_s = 0, cpu_s = 0;
  std::int64_t added_bytes = 0;  ///< beyond what the process held before
};

/// The chosen rows, best or first-chosen first.
struct SelectionOutput {
  std::vector<std::int64_t> rows;
  std::string key;          ///< artifact digest
  std::string rows_digest;  ///< SHA-256 of the set of rows: two methods that agree share a training
  SelectionCost cost;
  std::vector<StageRecord> records;
  SelectionRecord record;  ///< its settings lack the budget
};

/// Scores (kept separately for methods whose scores do not depend on the budget) and the selection.
/// Files: those of runs/selection_files.h, subset.json (the pool's own objects) and its manifest, which names
/// `command`. `rows`: inputs::row_set of the pool. `target`: null without a target pool.
SelectionOutput ensure_selection(const RunConfig& config, const OpenPool& pool, const RowSet& rows,
                                 const FeatureBundle& features, const TargetFeatures* target,
                                 const ArtifactCache& cache, const std::string& command = {});

}  // namespace scalselect::pipeline
