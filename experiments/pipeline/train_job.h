// What a worker process does: fine-tune on a selection, then answer the benchmarks.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/artifact_cache.h"
#include "experiments/pipeline/run_config.h"
#include "experiments/pipeline/stages.h"
#include "trainer/train.h"

namespace scalselect::pipeline {

/// A training with its evaluation, as plain data that crosses a process border.
struct TrainJob {
  std::string label, cache;
  std::filesystem::path model, pool, image_root, rows;  ///< rows: one row a line
  ModelOptions model_options;
  trainer::TrainOptions trainer;  ///< seed and steps already set for this run
  EvalOptions eval;               ///< benchmark paths already absolute
  StageKey adapter;
  std::vector<StageKey> predictions;  ///< parallel to eval.benchmarks; empty: stop after training

  nlohmann::json to_json() const;
  static TrainJob from_json(const nlohmann::json& tree);
};

/// Keys and options of a run's training. `pool_rows`: size of the pool, for Regime::kSteps.
TrainJob plan_training(const RunConfig& config, const OpenPool& pool, const SelectionOutput& selection,
                       const std::string& model_hash);

/// True if the cache holds everything the job would make.
bool is_done(const TrainJob& job, const ArtifactCache& cache);

/// train_log.jsonl: one object a step.
std::string train_log_text(const trainer::TrainResult& result);

/// Does what is missing, reporting progress as JSON lines on stdout (see worker_pool.h); the last line is {"result": …}
/// with one StageRow a stage.
void run_train_job(const TrainJob& job);

}  // namespace scalselect::pipeline
