// Files of answers as the servers of test sets take them.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "eval/benchmark.h"
#include "eval/predictions.h"

namespace scalselect::eval {

/// Kinds of benchmarks that have one.
std::vector<std::string> upload_kinds();

/// ".json" or ".tsv".
std::string upload_extension(const std::string& kind);

/// The file's text; answers come from `predictions`, which must be complete.
///   vqav2    JSON [{"question_id", "answer"}] for every question of `all_questions`, in its order, an empty text where
///            there is no prediction; answers through mmf_answer, as LLaVA's convert_vqav2_for_submission.py writes it.
///            The server wants all 447,793 ids of test2015, also for test-dev. `all_questions`:
///            llava_vqav2_mscoco_test2015.jsonl or v2_OpenEnded_mscoco_test2015_questions.json; an empty path: that
///            beside the benchmark's file
///   vizwiz   JSON [{"image", "answer"}] in the benchmark's order, as convert_vizwiz_for_submission.py
///   docvqa   JSON [{"questionId", "answer"}], answers as given without white space around them, as lmms-eval
///   mmbench  the table at options().path as TSV with a column `prediction` after the options and without hint,
///            category, source, image, comment and l2-category, as convert_mmbench_for_submission.py, which writes xlsx
/// Throws UserError: kUsage for a kind without a server; kInput for a missing file of ids, an answer to a question that
/// is not in it, a question without an answer.
std::string upload_text(const Benchmark& benchmark, std::span<const Prediction> predictions,
                        const std::filesystem::path& all_questions = {});

}  // namespace scalselect::eval
