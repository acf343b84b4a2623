// eval import: the answers that another harness recorded, as predictions of ours.
#include <fmt/format.h>

#include <map>
#include <optional>

#include "core/artifact_cache.h"
#include "core/files.h"
#include "core/hash.h"
#include "eval/exchange/imported.h"
#include "eval/exchange/own_scores.h"
#include "eval/matchers.h"
#include "eval/registry.h"
#include "experiments/app/answer_files.h"
#include "experiments/app/eval_command.h"
#include "experiments/build_info.h"
#include "experiments/runs/evaluation.h"

namespace scalselect::app {
namespace {

namespace fs = std::filesystem;
using eval::AnswerFormat;

constexpr char kCommand[] = "eval import";

std::optional<AnswerFormat> format_asked(const PlainWords& asked) {
  static const std::map<std::string, AnswerFormat> formats = {{"vlmevalkit", AnswerFormat::kVlmEvalKit},
                                                              {"lmms-eval", AnswerFormat::kLmmsEval},
                                                              {"llava", AnswerFormat::kLlava}};
  const auto value = asked.value("format");
  if (value.empty()) return std::nullopt;
  require_one_of(kCommand, "format", value, {"vlmevalkit", "lmms-eval", "llava"});
  return formats.at(value);
}

std::unique_ptr<eval::Benchmark> benchmark_of(const PlainWords& asked) {
  for (const char* key : {"kind", "path"}) {
    if (asked.value(key).empty()) {
      refuse_plain(kCommand, fmt::format("`eval import` needs {}=, of the benchmark that was answered.", key));
    }
  }
  auto tree = nlohmann::json(dump_options(benchmark_asked(asked)));
  if (const auto matcher = asked.value("matcher"); !matcher.empty()) tree["matcher"] = matcher;
  tree["ocr_tokens"] = false;  // the prompts are the harness's, so TextVQA's tokens need not be there
  return eval::make_benchmark(bind_options<eval::BenchmarkOptions>(tree));
}

void print_joined(const eval::ForeignAnswers& answers, const eval::Joined& joined, const eval::Loaded& loaded,
                  const eval::Benchmark& benchmark) {
  const auto questions = loaded.questions.size();
  fmt::print("{}: {} of {} questions of '{}' answered, joined by {}{}\n", answers.file,
             questions - joined.unanswered.size(), questions, benchmark.name(), joined.key,
             !joined.checked                ? "; the file does not say what was asked, so this could not be compared"
             : joined.other_answers.empty() ? "; what the file says of the questions agrees"
                                            : "; what the file says of the questions agrees but for expected answers");
  const auto count = [](const char* what, const Words& names) {
    if (!names.empty()) fmt::print("  {}: {} ({})\n", what, names.size(), first_of(names));
  };
  if (!loaded.unusable.empty()) fmt::print("  {}\n", eval::sentence_on(loaded.unusable));
  count("answers to such questions", joined.unusable);
  count("questions without an answer", joined.unanswered);
  count("answers left out, as they are scored together with an unanswered question", joined.incomplete);
  count("answers without a question", joined.strangers);
  count("expected answers other than the benchmark's, perhaps another revision's", joined.other_answers);
}

/// One line on whether the harness and our version of its rules score alike.
void print_own_scores(const std::optional<eval::OwnScores>& scores, AnswerFormat format) {
  if (!scores) {
    if (format == AnswerFormat::kLmmsEval) fmt::print("  lmms-eval's file scores no single answer of this benchmark\n");
    if (format == AnswerFormat::kVlmEvalKit)
      fmt::print("  VLMEvalKit's own scores are in another file: results=FILE compares its *_result or *_auxmatch\n");
    return;
  }
  const auto means = scores->different.empty()
                         ? fmt::format("all {} agree, mean {:.4f}", scores->scored, scores->ours)
                         : fmt::format("{} of {} differ ({}); mean {:.4f} there, {:.4f} here", scores->different.size(),
                                       scores->scored, first_of(scores->different), scores->theirs, scores->ours);
  fmt::print("  {}'s own scores ({}) beside ours by {}: {}\n",
             format == AnswerFormat::kLmmsEval ? "lmms-eval" : "VLMEvalKit", scores->name,
             eval::matcher_name(scores->matcher), means);
}

void print_remarks(const eval::ImportRemarks& remarks, AnswerFormat format, eval::MissingAnswers missing) {
  const bool kept = missing == eval::MissingAnswers::kKeep;
  const bool table = format == AnswerFormat::kVlmEvalKit;
  if (remarks.blank > 0) {
    fmt::print("  blank answers: {} (the model said nothing{})\n", remarks.blank,
               table ? ", or more than the 32,767 characters of a cell" : "");
  }
  if (remarks.missing > 0 && table) fmt::print("  answers such as 'None' or 'NA': {}\n", remarks.missing);
  if (table && remarks.blank + remarks.missing > 0) {
    fmt::print("  VLMEvalKit scores these {} as 'nan'; here they {}\n", remarks.blank + remarks.missing,
               kept ? "stay what they are (missing=nan does as it does)" : "are 'nan', too");
  }
  if (remarks.numbers > 0) {
    fmt::print("  answers stored as numbers: {} (their digits may have been written in another way)\n",
               remarks.numbers);
  }
}

/// The predictions as an artifact of the cache, where those of runs lie, with the questions that could not be scored.
fs::path cached(const ArtifactCache& cache, const eval::Benchmark& benchmark, const std::string& file,
                const std::vector<eval::Unusable>& spoilt, const eval::Joined& joined, const std::string& lines,
                std::string& digest) {
  std::vector<eval::Unusable> unusable = spoilt;
  for (const auto& id : joined.unanswered) unusable.push_back({id, "has no answer in " + file});
  for (const auto& id : joined.incomplete) unusable.push_back({id, "is scored with one that has no answer in " + file});
  const auto listed = pipeline::unusable_lines(unusable);
  const StageKey key{
      "predictions", 1, {{"imported", sha256(lines)}, {"unusable", sha256(listed)}}, {{"benchmark", benchmark.name()}}};
  digest = key.digest();
  if (const auto found = cache.find(key)) return *found;
  auto writer = cache.begin(key);
  write_file_atomically(writer.folder() / "predictions.jsonl", lines);
  if (!unusable.empty()) write_file_atomically(writer.folder() / pipeline::kUnusableFile, listed);
  return writer.commit();
}

/// Records the answers as a run; returns its id.
std::string record(const PlainWords& asked, const Words& words, const eval::Benchmark& benchmark,
                   const eval::ForeignAnswers& answers, const fs::path& folder, const std::string& digest,
                   pipeline::ScoredAnswers& scored) {
  pipeline::EvaluationRecord run;
  run.experiment = asked.value("experiment", "eval");
  run.name = fmt::format("{} ({})", answers.model.empty() ? fs::path(answers.file).stem().string() : answers.model,
                         format_name(answers.format));
  Words command = {"scalselect", "eval", "import"};
  command.insert(command.end(), words.begin(), words.end());
  run.config["imported"] = {{"file", fs::absolute(answers.file).string()},
                            {"sha256", answers.digest},
                            {"format", format_name(answers.format)},
                            {"model", answers.model}};
  run.provenance = {{"version", kBuildInfo.version}, {"git_commit", kBuildInfo.commit}, {"command", command}};
  Store store(asked.store());
  std::vector<pipeline::ScoredAnswers> all;
  auto id = record_evaluation(
      store, run, std::vector<pipeline::AnsweredBenchmark>{{benchmark.options(), folder, digest}}, {}, &all);
  scored = std::move(all.at(0));
  return id;
}

void print_scores(const eval::Rescored& rescored) {
  std::vector<Words> rows;
  for (const auto& stats : rescored.scores.metrics) {
    if (stats.metric.column) rows.push_back({stats.metric.name, fmt::format("{:.4f}", stats.metric.value)});
  }
  rows.push_back({"not readable", fmt::format("{:.2f} %", 100 * rescored.scores.unreadable)});
  fmt::print("{}", aligned(rows));
}

/// The predictions that were made of a file, and whether none is missing.
struct Made {
  std::string lines, digest;
  fs::path folder;
  bool whole = true;
};

/// Joins and writes; what it needs of memory is free again when it returns.
Made predictions_of(const PlainWords& asked, const eval::Benchmark& benchmark, const eval::ForeignAnswers& answers) {
  const auto missing =
      asked.value("missing", "keep") == "nan" ? eval::MissingAnswers::kNan : eval::MissingAnswers::kKeep;
  const ArtifactCache cache(asked.value("cache", "cache"));
  const auto loaded = benchmark.load_usable((cache.root() / "images").string(), eval::PictureCheck::kNone);
  const auto joined = eval::join_answers(benchmark, loaded, answers);
  print_joined(answers, joined, loaded, benchmark);
  print_remarks(eval::remarks_on(joined), answers.format, missing);
  if (answers.format != AnswerFormat::kLlava)
    print_own_scores(eval::compare_own_scores(benchmark, answers, joined), answers.format);
  Made made;
  made.lines = eval::imported_lines(benchmark, answers, joined, missing);
  made.folder = cached(cache, benchmark, answers.file, loaded.unusable, joined, made.lines, made.digest);
  made.whole = loaded.unusable.empty() && joined.unanswered.empty() && joined.strangers.empty();
  return made;
}

}  // namespace

int eval_import(const Words& words) {
  const auto asked = parse_plain(kCommand, words, 1);
  if (asked.names.empty()) refuse_plain(kCommand, "`eval import` needs the file of answers.");
  require_one_of(kCommand, "missing", asked.value("missing", "keep"), {"keep", "nan"});
  const fs::path file = asked.names[0];
  const fs::path out = asked.value("out");
  const auto results = asked.value("results");
  const auto benchmark = benchmark_of(asked);
  refuse_overwriting(kCommand, out, {file, results, benchmark->options().path});
  auto answers = eval::read_answers(file, format_asked(asked));
  if (!results.empty()) eval::add_results(results, answers);
  if (!out.empty()) require_writable(out);
  auto made = predictions_of(asked, *benchmark, answers);
  answers.answers = {};
  if (!out.empty()) write_file_atomically(out, made.lines);
  made.lines = {};
  pipeline::ScoredAnswers scored;
  const auto id = record(asked, words, *benchmark, answers, made.folder, made.digest, scored);
  print_scores(scored.rescored);
  fmt::print("run {}: {}\n", id, (made.folder / "predictions.jsonl").string());
  return made.whole ? 0 : kIncompleteExit;
}

}  // namespace scalselect::app
