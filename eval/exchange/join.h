// Foreign answers and the benchmark's own questions, brought together.
#pragma once

#include <string>
#include <vector>

#include "eval/benchmark.h"
#include "eval/exchange/answers.h"
#include "eval/predictions.h"

namespace scalselect::eval {

/// The answers of a file, each with its question.
struct Joined {
  /// In the benchmark's order. A question's prompt is the one that the file states; empty where it does not.
  std::vector<Prediction> predictions;
  std::vector<const ForeignAnswer*> sources;  ///< parallel to predictions
  std::string key;                            ///< by what they were joined: "id", "group and text", "position"
  bool checked = false;                       ///< the file says what was asked, and it is what the benchmark asks
  std::vector<std::string> unanswered;        ///< ids of questions without an answer
  /// Ids of answered questions that cannot be scored without an unanswered one: other rotations, the other question of
  /// an image of MME. They are not among the predictions.
  std::vector<std::string> incomplete;
  /// Ids of predictions to open questions whose expected answers are others in the file. Harnesses may have scored them
  /// by those; ours are the benchmark's.
  std::vector<std::string> other_answers;
  std::vector<std::string> strangers;  ///< answers without a question: "FILE: row 7 (index 12)"
  std::vector<std::string> unusable;   ///< answers to questions that the benchmark's file spoils, as above
};

/// Joins the questions that can be scored with their answers: by id (LLaVA's rounds of MMBench: question_id + round_id
/// * 1,000,000); if no id is known, by the image and the question's text (MME's `category/file`); if there is none of
/// these, by position, where the harness itself goes by position and the file says what was asked. What a file says of
/// question, options or expected answer is compared with the benchmark; other expected answers to open questions are
/// listed, all other differences refused. `answers` must outlive the result. Throws
/// UserError(kInput), naming file and row: an answer to another question than the benchmark's of that id, two answers
/// to one question, no answer to any question.
Joined join_answers(const Benchmark& benchmark, const Loaded& loaded, const ForeignAnswers& answers);

}  // namespace scalselect::eval
