// Answers of a model on disk, and scores recomputed from them.
//
// predictions.jsonl holds one object per question in benchmark order, keys sorted, no time stamps: {"answers","bench",
// "bench_file_sha256","categories","category","cluster","error","gen","group","hint","id","images","options",
// "profile","prompt","question","response","rot","row","schema","skill","stratum"}. How it is made: answering.h.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::eval {

/// A question with the model's raw answer.
struct Prediction {
  Question question;
  std::string response;
};

/// One object of predictions.jsonl with what a question and its answer say. `images`, `profile` and `gen` are what the
/// writer knows of how it was asked.
nlohmann::json prediction_record(const Question& question, const std::string& response, const std::string& benchmark,
                                 const std::string& fingerprint, nlohmann::json images, const std::string& profile,
                                 nlohmann::json gen);

/// A record as a line of the file. A tokenizer may produce bytes that are not UTF-8, which JSON cannot hold; they
/// become U+FFFD.
std::string prediction_line(const nlohmann::json& record);

/// Throws UserError(kInput), naming file and line, on a cut or malformed record, and on a second answer to a question.
std::vector<Prediction> read_predictions(const std::filesystem::path& file);

/// Everything that follows from stored answers.
struct Rescored {
  std::vector<Question> questions;
  std::vector<Outcome> outcomes;  ///< parallel to questions
  ScoredBenchmark scores;
};

/// Stored answers to one benchmark, which several sets of rules may score. Parallel.
struct StoredAnswers {
  std::vector<Question> questions;
  std::vector<std::string> responses;
  std::filesystem::path file;  ///< for messages
};

/// Reads the answers to `benchmark`. Throws UserError(kInput), naming the file: it holds none, those of another
/// benchmark, or one without reference answers where the benchmark needs them.
StoredAnswers stored_answers(const Benchmark& benchmark, const std::filesystem::path& file);

std::vector<Outcome> judge_all(const Benchmark& benchmark, const StoredAnswers& answers);

/// Scores outcomes of `answers`. Throws UserError(kInput), naming the file, if answers are missing that are needed (a
/// rotation, the other question of a pair).
ScoredBenchmark score_all(const Benchmark& benchmark, const StoredAnswers& answers, std::span<const Outcome> outcomes);

/// All of these: reads `file` and scores it by the benchmark's rules, without the model, the images or the benchmark's
/// own files. Throws what they throw.
Rescored rescore(const Benchmark& benchmark, const std::filesystem::path& file);

/// scores.jsonl: one object per question, {"id","parsed","rule","score"}, keys sorted.
void write_scores(const Rescored& rescored, const std::filesystem::path& file);

}  // namespace scalselect::eval
