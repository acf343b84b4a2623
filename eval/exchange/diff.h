// Two sets of answers to the same questions, and where each disagreement comes from.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "eval/benchmark.h"
#include "eval/predictions.h"
#include "eval/statistics.h"

namespace scalselect::eval {

/// What first differs between the two sides of a question, in the order in which one thing leads to the next.
enum class Cause {
  kQuestion,  ///< text, options or expected answer: another revision of the benchmark
  kPrompt,    ///< the text that the model got
  kPixels,    ///< the picture's bytes
  kAnswer,    ///< what the model said
  kReading,   ///< what the matcher read out of the same answer, or the score it gave
  kNone,
};
inline constexpr std::size_t kCauses = 6;
const char* cause_name(Cause cause);  ///< "question", "prompt", "pixels", "answer", "reading", "nothing"

/// Answers with their outcomes by one benchmark's rules.
struct DiffSide {
  std::vector<Prediction> predictions;
  std::vector<std::string> pixels;  ///< SHA-256 of the pictures' bytes, parallel; empty: not recorded
  std::vector<Outcome> outcomes;
  ScoredBenchmark scores;
};

/// Reads and scores predictions.jsonl. Throws as `rescore` does.
DiffSide read_side(const Benchmark& benchmark, const std::filesystem::path& file);

struct QuestionDiff {
  std::size_t a = 0, b = 0;  ///< places in the two sides
  Cause cause = Cause::kNone;
  bool read_differently = false;  ///< other values read or other scores
};

struct CauseCount {
  std::size_t questions = 0;  ///< whose first difference this is
  std::size_t read_differently = 0, only_a_right = 0, only_b_right = 0;
};

struct MetricDiff {
  std::string name, display;
  double a = 0, b = 0;
  /// The part of b - a that the same outcomes of the same questions would show, too: B's answers as B counts them minus
  /// B's answers as A counts them.
  double aggregation = 0;
  bool column = false;
};

struct AnswersDiff {
  std::vector<QuestionDiff> questions;  ///< in A's order
  std::vector<std::string> only_in_a, only_in_b;
  std::array<CauseCount, kCauses> causes;
  std::vector<MetricDiff> metrics;  ///< that both have; columns first
  std::size_t units = 0;            ///< what is compared below: questions, or groups where rotations count as one
  bool by_group = false, whole_scores = true;  ///< whether all scores are 0 or 1; else there is no McNemar test
  McNemar mcnemar;
  std::size_t prompts_unknown = 0, pixels_unknown = 0;  ///< questions of which one side did not record them
};

/// Lines the sides up by question id; they may have been read by different matchers. `benchmark` is A's. Throws
/// UserError(kInput) if no id is in both.
AnswersDiff diff_answers(const Benchmark& benchmark, const DiffSide& a, const DiffSide& b);

}  // namespace scalselect::eval
