// Our answers as the files of other harnesses, so that their own code scores them (docs/exchange.md).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "eval/benchmark.h"
#include "eval/exchange/answers.h"
#include "eval/predictions.h"

namespace scalselect::eval {

/// MODEL_DATASET.tsv of VLMEvalKit (PRED_FORMAT=tsv), every field quoted: the columns of options().path without `image`
/// if that is VLMEvalKit's TSV, in its order; else the columns that its scorers read, made from the questions. Rows
/// without an answer are left out. Throws UserError(kInput) if the benchmark's file lacks an answered question.
std::string vlmevalkit_table(const Benchmark& benchmark, std::span<const Prediction> predictions);

/// Ids of the rows of options().path without an answer, if that is VLMEvalKit's TSV and has any of the answered
/// questions; else none.
std::vector<std::string> unanswered_rows(const Benchmark& benchmark, std::span<const Prediction> predictions);

/// Number of answers that pandas reads as missing, so that VLMEvalKit scores the text "nan" in their place.
std::size_t read_as_missing(std::span<const Prediction> predictions);

/// A log that lmms-eval's model `from_log` answers from: {"args", "model_configs": {"task"}, "logs": [{"doc_id",
/// "resps"}]}. `doc_id` is a question's position in the benchmark, or what `like`, samples of the same task, says.
/// Throws UserError(kInput) if `like` lacks a question.
std::string lmms_eval_log(const Benchmark& benchmark, std::span<const Prediction> predictions, const std::string& task,
                          const std::string& model, const ForeignAnswers* like);

/// The task of lmms-eval that asks a kind of benchmark, "scienceqa_img"; the kind itself if none is known.
std::string lmms_eval_task(const Benchmark& benchmark);

/// Answers as LLaVA's scripts write them: "question_id", "prompt", "text" (stripped), "answer_id", "model_id",
/// "metadata", and for MMBench "round_id", "options", "option_char".
std::string llava_answers(const Benchmark& benchmark, std::span<const Prediction> predictions,
                          const std::string& model);

/// The question file that belongs to them: "question_id", "image", "text", "category". LLaVA's scorer of POPE finds a
/// question's split in it.
std::string llava_questions(const Benchmark& benchmark, std::span<const Prediction> predictions);

}  // namespace scalselect::eval
