// An evaluation in the result store: a run that only answers benchmarks, by `eval` or by another program whose answers
// are imported. `runs`, `show`, `answers` and `compare` treat it as a run of the pipeline.
//
// Metrics of a run with answers, BENCH being BenchmarkOptions::name:
//   eval/BENCH/METRIC         every metric of the benchmark, in its own unit
//   answers/BENCH/questions   questions that were answered
//   answers/BENCH/unusable    questions that could not be asked (a broken picture, a bad row); > 0: the run is
//   incomplete answers/BENCH/unreadable  share of the answers that no rule could read, 0..1 skill/… where questions
//   have skill tags (eval/skills.h)
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "core/store.h"
#include "eval/predictions.h"

namespace scalselect::pipeline {

/// A benchmark's answers on disk.
struct AnsweredBenchmark {
  eval::BenchmarkOptions options;  ///< with its name and display, as Benchmark::options() gives them
  std::filesystem::path folder;    ///< holds predictions.jsonl, and unusable.jsonl if questions could not be asked
  std::string digest;              ///< of what the folder holds: its artifact's, or any that changes with the content
};

struct ScoredAnswers {
  eval::BenchmarkOptions options;
  eval::Rescored rescored;
  std::int64_t unusable = 0;
};

/// File of a predictions folder with one object per question that could not be asked: {"id", "reason"}.
inline constexpr char kUnusableFile[] = "unusable.jsonl";
std::string unusable_lines(std::span<const eval::Unusable> questions);

/// Scores the answers in `folder` by the rules of `options`. Throws what eval::rescore throws.
ScoredAnswers score_answers(const eval::BenchmarkOptions& options, const std::filesystem::path& folder);

/// Writes the metrics named above. Calling it again overwrites them.
void log_scores(Store& store, const std::string& run_id, std::span<const ScoredAnswers> scored);

/// What is recorded of a run besides its answers.
struct EvaluationRecord {
  std::string experiment = "eval";
  std::string name;                                                  ///< readable: "llava-1.5-7b-hf eval=paper"
  nlohmann::ordered_json config = nlohmann::ordered_json::object();  ///< settings; `eval.benchmarks` is filled in
  nlohmann::ordered_json choices = nlohmann::ordered_json::object();
  std::vector<std::string> overrides;
  nlohmann::ordered_json provenance = nlohmann::ordered_json::object();  ///< versions, machine, command line
};

/// A run as it starts. It is the same run (another attempt) if name, benchmarks (wherever they lie) and `content`, a
/// digest of what the answers are made from, are the same.
RunStart evaluation_start(const EvaluationRecord& record, std::span<const eval::BenchmarkOptions> benchmarks,
                          const std::string& content);

/// Records answers that are complete already as a finished run; returns its id. Throws what score_answers throws, and
/// then leaves no run. `scored`, if not null, gets the scores.
std::string record_evaluation(Store& store, const EvaluationRecord& record,
                              std::span<const AnsweredBenchmark> benchmarks,
                              const std::vector<std::string>& warnings = {},
                              std::vector<ScoredAnswers>* scored = nullptr);

}  // namespace scalselect::pipeline
