// The stage "predictions": a model's answers to one benchmark, kept in the artifact cache. The pipeline runs it for the
// models that it has trained, `eval` for any folder.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/artifact_cache.h"
#include "core/log.h"
#include "core/probes.h"
#include "experiments/pipeline/run_config.h"

namespace scalselect::pipeline {

/// What an artifact remembers of how it was made, beside its warnings.
nlohmann::json facts_of_making();

/// A model that is opened when the first question needs it.
class LazyGenerator {
 public:
  /// `adapter`: a PEFT folder, empty: none.
  LazyGenerator(std::filesystem::path model, std::filesystem::path adapter, ModelOptions options)
      : model_(std::move(model)), adapter_(std::move(adapter)), options_(std::move(options)) {}
  TextGenerator& get();
  bool opened() const { return generator_ != nullptr; }

 private:
  std::filesystem::path model_, adapter_;
  ModelOptions options_;
  std::unique_ptr<TextGenerator> generator_;
};

/// New tokens that an answer may have.
int answer_limit(const eval::BenchmarkOptions& benchmark, const EvalOptions& eval);

/// The key of one benchmark's answers. `inputs`: BenchmarkDigests::inputs and what identifies the model. What of the
/// model's options may change an answer and is not in `inputs` goes into `params`.
StageKey predictions_key(const eval::BenchmarkOptions& benchmark, const EvalOptions& eval, nlohmann::json inputs,
                         nlohmann::json params);

/// The answers to one benchmark, made by all processes that need them at the same time, until the cache has them.
class PredictionPass {
 public:
  /// `benchmark`: with its absolute path; it, `cache`, `eval` and `generator` must outlive this. `progress` (may be
  /// null) is advanced by every question that is answered now.
  PredictionPass(const ArtifactCache& cache, StageKey key, const eval::BenchmarkOptions& benchmark,
                 const EvalOptions& eval, LazyGenerator& generator, Progress* progress = nullptr);
  ~PredictionPass();

  /// Answers what no other process is at, and waits for nobody.
  void take_free();
  /// The folder with predictions.jsonl (and unusable.jsonl, where questions cannot be asked), and whether the cache had
  /// it. Waits for what other processes are at, and goes on where a killed one stopped.
  std::pair<std::filesystem::path, bool> complete();

 private:
  struct Work;
  bool begin();
  void put_together();

  const ArtifactCache& cache_;
  StageKey key_;
  const eval::BenchmarkOptions& benchmark_;
  const EvalOptions& eval_;
  LazyGenerator& generator_;
  Progress* progress_;
  std::unique_ptr<Work> work_;  ///< null: not begun, or done
  bool computed_ = false;
};

/// How many questions a killed evaluation has left answered under `key`; some of them may be answered again.
std::int64_t answered_before(const ArtifactCache& cache, const StageKey& key);

}  // namespace scalselect::pipeline
