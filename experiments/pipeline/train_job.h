// What a worker process does: fine-tune on a selection, then answer the benchmarks.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/artifact_cache.h"
#include "experiments/launchers/protocol.h"
#include "experiments/pipeline/run_config.h"
#include "experiments/pipeline/stages.h"
#include "experiments/runs/keys.h"
#include "trainer/train.h"

namespace scalselect::pipeline {

/// A training with its evaluation, as plain data that is passed to another process.
struct TrainJob {
  std::string label, cache;
  std::filesystem::path model, rows;  ///< rows: one row per line
  std::vector<PoolEntry> pool;        ///< with absolute paths
  ModelOptions model_options;
  trainer::TrainOptions trainer;  ///< seed and steps already set for this run
  EvalOptions eval;               ///< benchmark paths already absolute
  StageKey adapter;
  std::vector<StageKey> predictions;  ///< parallel to eval.benchmarks; empty: stop after training
  int rank = 0, processes = 1;        ///< of those that share the training
  bool yields = false;  ///< where another process is at it, the worker leaves it alone and answers {"elsewhere": true}

  nlohmann::json to_json() const;
  static TrainJob from_json(const nlohmann::json& tree);
};

/// The benchmarks of a run in their places: below eval.root, or what was rendered with the pool. Throws what
/// place_benchmarks throws.
std::vector<eval::BenchmarkOptions> benchmarks_of(const RunConfig& config, const OpenPool& pool);

/// Keys and options of a run's training and evaluation. Throws UserError for a benchmark that cannot be read.
TrainJob plan_training(const RunConfig& config, const OpenPool& pool, const SelectionOutput& selection,
                       const std::string& model_hash, BenchmarkDigests& benchmarks);

/// True if the cache holds everything the job would make.
bool is_done(const TrainJob& job, const ArtifactCache& cache);

/// train_log.jsonl: one object per step.
std::string train_log_text(const trainer::TrainResult& result);

/// Does what is missing. `reporter` gets progress, warnings, and at the end the result {"stages": [a StageRow each]}.
/// Warnings are kept with the artifact that they are about, as fact `warnings` in its meta.json.
void run_train_job(const TrainJob& job, launchers::Reporter& reporter);

}  // namespace scalselect::pipeline
