// eval export: our answers as the files that other harnesses score.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "eval/exchange/exports.h"
#include "eval/json_files.h"
#include "eval/registry.h"
#include "eval/upload.h"
#include "experiments/app/answer_files.h"
#include "experiments/app/eval_command.h"
#include "experiments/runs/evaluation.h"

namespace scalselect::app {
namespace {

namespace fs = std::filesystem;

constexpr char kCommand[] = "eval export";

/// The answers of one benchmark; several of a run are told apart by benchmark=.
AnswerFile only_answers(const PlainWords& asked) {
  auto all = answer_files(kCommand, asked, asked.names[0], asked.value("benchmark"));
  if (all.size() == 1) return std::move(all[0]);
  Words names;
  for (const auto& answers : all) names.push_back(answers.benchmark.name);
  refuse_plain(kCommand, fmt::format("Run {} answered {} benchmarks; say benchmark=NAME, one of {}.", all[0].source,
                                     all.size(), fmt::join(names, ", ")));
}

void write(const fs::path& out, const AnswerFile& answers, const std::string& text, std::size_t count,
           const std::string& how) {
  write_file_atomically(out, text);
  fmt::print("{}: {} answers of {} to '{}'; {}\n", out.string(), count, answers.model, answers.benchmark.name, how);
}

void to_vlmevalkit(const fs::path& out, const AnswerFile& answers, const eval::Benchmark& benchmark,
                   const std::vector<eval::Prediction>& predictions) {
  const auto table = eval::vlmevalkit_table(benchmark, predictions);
  write(out, answers, table, predictions.size(), "score it in VLMEvalKit with PRED_FORMAT=tsv (docs/exchange.md)");
  if (const auto missing = eval::read_as_missing(predictions); missing > 0) {
    log_warning("{} answers are empty or a text such as 'None': VLMEvalKit reads them as missing and scores 'nan'",
                missing);
  }
}

void to_lmms_eval(const fs::path& out, const AnswerFile& answers, const eval::Benchmark& benchmark,
                  const std::vector<eval::Prediction>& predictions, const PlainWords& asked) {
  const auto task = asked.value("task", eval::lmms_eval_task(benchmark));
  std::optional<eval::ForeignAnswers> like;
  if (const auto file = asked.value("like"); !file.empty()) {
    like = eval::read_answers(file, eval::AnswerFormat::kLmmsEval);
  }
  const auto log = eval::lmms_eval_log(benchmark, predictions, task, answers.model, like ? &*like : nullptr);
  write(out, answers, log, predictions.size(),
        fmt::format("score it with lmms-eval --model from_log --model_args logs=FOLDER --tasks {}", task));
  if (!like) {
    log_warning(
        "the positions in {} are taken for lmms-eval's doc_id; where its dataset has another order, give like="
        "SAMPLES.jsonl, its own samples of any model",
        answers.benchmark.path.empty() ? answers.file.string() : answers.benchmark.path);
  }
}

void to_llava(const fs::path& out, const AnswerFile& answers, const eval::Benchmark& benchmark,
              const std::vector<eval::Prediction>& predictions) {
  write(out, answers, eval::llava_answers(benchmark, predictions, answers.model), predictions.size(),
        "score it with LLaVA's scripts");
  const auto questions = fs::path(out).replace_extension(".questions.jsonl");
  write_file_atomically(questions, eval::llava_questions(benchmark, predictions));
  fmt::print("{}: the questions with the same ids (--question-file)\n", questions.string());
}

/// Whether every question of the benchmark that is known here has an answer; else it says which have none.
bool is_whole(const AnswerFile& answers, const eval::Benchmark& benchmark,
              const std::vector<eval::Prediction>& predictions) {
  auto unanswered = eval::unanswered_rows(benchmark, predictions);
  const auto listed = answers.file.parent_path() / pipeline::kUnusableFile;
  if (unanswered.empty() && answers.file.filename() == "predictions.jsonl" && fs::exists(listed)) {
    eval::for_each_json_line(listed, [&](const nlohmann::json& record, const std::string& where) {
      unanswered.push_back(eval::json_string(record, "id", where));
    });
  }
  if (unanswered.empty()) return true;
  log_warning("{}: holds {} answers, and {} questions of '{}' have none, which the export therefore lacks ({})",
              answers.file.string(), predictions.size(), unanswered.size(), benchmark.name(), first_of(unanswered));
  return false;
}

}  // namespace

int eval_export(const Words& words) {
  const auto asked = parse_plain(kCommand, words, 1);
  if (asked.names.empty()) refuse_plain(kCommand, "`eval export` needs a run or a file of predictions.");
  const auto format = asked.value("format");
  require_one_of(kCommand, "format", format, {"vlmevalkit", "lmms-eval", "llava", "upload"});
  for (const char* key : {"like", "task"}) {
    if (asked.values.contains(key) && format != "lmms-eval") {
      refuse_plain(kCommand, fmt::format("'{}=' is for format=lmms-eval.", key));
    }
  }
  if (asked.values.contains("questions") && format != "upload") {
    refuse_plain(kCommand, "'questions=' is for format=upload.");
  }
  const fs::path out = asked.value("out");
  if (out.empty()) refuse_plain(kCommand, "`eval export` needs out=FILE.");
  auto answers = only_answers(asked);
  answers.benchmark = benchmark_asked(asked, answers.benchmark);
  refuse_overwriting(kCommand, out, {answers.file, answers.benchmark.path, asked.value("like")});
  require_writable(out);
  const auto benchmark = eval::make_benchmark(answers.benchmark);
  const auto predictions = eval::read_predictions(answers.file);
  if (predictions.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("{}: holds no predictions", answers.file.string()),
                    "Evaluate first.");
  }
  if (format == "vlmevalkit") to_vlmevalkit(out, answers, *benchmark, predictions);
  if (format == "lmms-eval") to_lmms_eval(out, answers, *benchmark, predictions, asked);
  if (format == "llava") to_llava(out, answers, *benchmark, predictions);
  if (format == "upload") {
    write(out, answers, eval::upload_text(*benchmark, predictions, asked.value("questions")), predictions.size(),
          "as the benchmark's server takes it");
  }
  return is_whole(answers, *benchmark, predictions) ? 0 : kIncompleteExit;
}

}  // namespace scalselect::app
