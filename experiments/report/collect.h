// What a report is made of: the finished runs of one experiment with their answers scored and their selections read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/store.h"
#include "data/pool.h"
#include "eval/benchmark.h"
#include "eval/bootstrap.h"
#include "eval/predictions.h"
#include "eval/skills.h"
#include "experiments/report/paired.h"
#include "selector/budget.h"

namespace scalselect::report {

/// How one benchmark was asked, how it was read, and what came of each question.
struct AnswerSheet {
  std::string benchmark, display, kind, language;
  std::string style, matcher;       ///< by name; "vk-2026 (default)" where the run left the choice to the benchmark
  std::string file_digest;          ///< SHA-256 of the benchmark's files
  std::int64_t max_new_tokens = 0;  ///< 0: unknown
  std::int64_t answered = 0;
  std::map<std::string, std::int64_t> unusable;  ///< reason -> questions that could not be asked
  AnswerUnits units;

  std::int64_t left_out() const;  ///< questions in `unusable`
};

/// One finished run.
struct ReportRun {
  RunRow row;
  std::string method, regime;  ///< "scalselect", "epochs"
  Budget budget;               ///< as typed; of a list that has another number of rows, that number
  std::int64_t seed = 0;
  std::vector<eval::ScoredBenchmark> benchmarks;
  std::vector<AnswerSheet> sheets;  ///< parallel to benchmarks
  std::vector<eval::SkillScore> skills;
  std::vector<std::int64_t> rows;            ///< chosen, best first
  std::vector<double> scores;                ///< pool-sized; empty if the method has none
  nlohmann::ordered_json facts;              ///< of the selection: k, spectrum, ...
  std::map<std::string, double> selection;   ///< metrics below select/: cpu_s, added_bytes, forward_passes, ...
  std::map<std::string, double> row_counts;  ///< metrics below rows/: "rejected/empty conversation", ...
  std::int64_t steps = 0;                    ///< optimiser steps
  std::vector<double> losses;                ///< of the training, one per step

  bool is_full() const { return method == "full"; }
  bool is_complete() const;  ///< every question of every benchmark was answered
  /// "scalselect 16 %": runs that differ in their seed only share it.
  std::string label() const;
  double share() const;  ///< chosen part of the pool, 0..1
  std::int64_t pool_size = 0;
};

struct Collection {
  std::string experiment;
  std::vector<ReportRun> runs;  ///< full first, then by method in order of first appearance, budget, seed
  std::shared_ptr<const Pool> pool;
  std::vector<std::string> regimes;  ///< in order of first appearance
  std::vector<std::string> failed;   ///< "label: reason" of runs that did not finish
  std::size_t answers_alone = 0;     ///< finished runs of `eval` and `eval import`: no pool and budget belongs to them
  std::size_t unanswered = 0;        ///< finished runs with a selection and without answers to a benchmark
};

/// What a reader must know of finished runs that have no row, with where to see them; empty if all have one.
std::string sentence_on_other_runs(const Collection& collection);

/// Throws UserError(kUsage), with the nearest names, unless the store has runs of `experiment`.
void require_experiment(const Store& store, const std::string& experiment);

/// One benchmark as a run answered it.
struct Answers {
  eval::Rescored rescored;
  std::vector<std::string> responses;  ///< what the model said, parallel to the questions
};

/// The answers of one run to each benchmark, scored again. Throws UserError if an artifact is gone or damaged.
std::vector<Answers> answers_of(const Store& store, const RunRow& row);

/// Reads the store's runs of `experiment`. Throws UserError if there is no such experiment, no finished run with
/// answers, or if an artifact that a run names is gone or damaged.
Collection collect(const Store& store, const std::string& experiment);

/// The runs of one regime as the bootstrap takes them.
std::vector<eval::MethodRun> method_runs(const Collection& collection, const std::string& regime);

/// How intervals are made: `eval.bootstrap` of the first run's configuration.
eval::BootstrapOptions bootstrap_options(const Collection& collection);

}  // namespace scalselect::report
