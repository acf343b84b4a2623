// Answers to benchmarks as other programs' files hold them (docs/exchange.md).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "eval/question.h"

namespace scalselect::eval {

/// Whose file it is.
enum class AnswerFormat {
  kVlmEvalKit,  ///< MODEL_DATASET.xlsx, .tsv or .json: the benchmark's table with a column `prediction`
  kLmmsEval,    ///< *_samples_TASK.jsonl
  kLlava,       ///< answers of llava/eval/model_vqa*.py, JSON Lines
};

const char* format_name(AnswerFormat format);  ///< "vlmevalkit", "lmms-eval", "llava"

/// One answer, and what its file says about the question. Empty texts: the file does not say.
struct ForeignAnswer {
  std::string where;            ///< "FILE: row 12", for messages
  std::string id;               ///< VLMEvalKit's `index`, LLaVA's `question_id`, a question id in lmms-eval's metrics
  std::string text;             ///< the raw answer
  std::string prompt;           ///< the text that the model got
  std::string question;         ///< the benchmark's question
  std::string hint;             ///< what stands above it
  std::string target;           ///< the expected answer, or a list of them as Python writes it
  std::vector<Option> options;  ///< as they were asked, with empty texts where a table has one before the last
  std::int64_t position = 0;    ///< in the harness's order: the line, or lmms-eval's `doc_id`
  int round = 0;                ///< LLaVA's `round_id` for MMBench: how far the options were rotated
  bool blank = false;           ///< the cell was empty or the value null: what the model said may be lost
  bool number = false;          ///< the cell held a number: "1.0" may have been "1"
  std::optional<double> score;  ///< what the harness gave this answer, 0..1, where its file says so
};

struct ForeignAnswers {
  AnswerFormat format = AnswerFormat::kLlava;
  std::string model;     ///< as the file names it
  std::string file;      ///< for messages
  std::string digest;    ///< SHA-256 of its bytes
  bool ordered = false;  ///< `position` may stand for the id: the harness itself goes by it
  /// As the file calls the scores in it: "exact_match", VLMEvalKit's "hit"; empty where it holds none.
  std::string score_name;
  std::vector<ForeignAnswer> answers;
};

/// Reads any of the formats; `format`: what it must be, else it is told by the extension and the first record. Throws
/// UserError(kInput), naming file and row: none of the formats, a page of HTML, a pickle, an archive that is no .xlsx,
/// several sheets, a sheet of results instead of predictions, a damaged or cut file, a record without an answer.
ForeignAnswers read_answers(const std::filesystem::path& file, std::optional<AnswerFormat> format = {});

/// Adds the scores of one of VLMEvalKit's tables of results, *_result (column `hit`) or *_auxmatch (`score`), to the
/// answers with the same ids. Of MMBench only the first rotation of a question has one, which is the whole question's.
/// Throws UserError(kInput), naming the file, if it is no such table or has no score of any of the answers.
void add_results(const std::filesystem::path& file, ForeignAnswers& answers);

}  // namespace scalselect::eval
