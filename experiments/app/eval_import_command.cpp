// eval import: the answers that another harness recorded, as predictions of ours.
#include <fmt/format.h>

#include <map>
#include <optional>

#include "core/files.h"
#include "eval/exchange/imported.h"
#include "eval/registry.h"
#include "experiments/app/answer_files.h"
#include "experiments/app/eval_command.h"

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
  return eval::make_benchmark(bind_options<eval::BenchmarkOptions>(tree));
}

void print_joined(const eval::ForeignAnswers& answers, const eval::Joined& joined, std::size_t questions,
                  const eval::Benchmark& benchmark) {
  fmt::print("{}: {} of {} questions of '{}' answered, joined by {}{}\n", answers.file,
             questions - joined.unanswered.size(), questions, benchmark.name(), joined.key,
             joined.checked ? "; what the file says of the questions agrees"
                            : "; the file does not say what was asked, so this could not be compared");
  const auto count = [](const char* what, const Words& names) {
    if (!names.empty()) fmt::print("  {}: {} ({})\n", what, names.size(), first_of(names));
  };
  count("questions without an answer", joined.unanswered);
  count("answers left out, as they are scored together with an unanswered question", joined.incomplete);
  count("answers without a question", joined.strangers);
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

void print_scores(const eval::Rescored& rescored) {
  std::vector<Words> rows;
  for (const auto& stats : rescored.scores.metrics) {
    if (stats.metric.column) rows.push_back({stats.metric.name, fmt::format("{:.4f}", stats.metric.value)});
  }
  rows.push_back({"not readable", fmt::format("{:.2f} %", 100 * rescored.scores.unreadable)});
  fmt::print("{}", aligned(rows));
}

}  // namespace

int eval_import(const Words& words) {
  const auto asked = parse_plain(kCommand, words, 1);
  if (asked.names.empty()) refuse_plain(kCommand, "`eval import` needs the file of answers.");
  const auto missing_text = asked.value("missing", "keep");
  require_one_of(kCommand, "missing", missing_text, {"keep", "nan"});
  const auto missing = missing_text == "nan" ? eval::MissingAnswers::kNan : eval::MissingAnswers::kKeep;
  const fs::path file = asked.names[0];
  const fs::path out = asked.value("out", fs::path(file).replace_extension(".predictions.jsonl").string());
  const auto benchmark = benchmark_of(asked);
  refuse_overwriting(kCommand, out, {file, benchmark->options().path});
  const auto answers = eval::read_answers(file, format_asked(asked));
  require_writable(out);
  const auto questions = benchmark->load((fs::path(asked.value("cache", "cache")) / "images").string());
  const auto joined = eval::join_answers(*benchmark, questions, answers);
  print_joined(answers, joined, questions.size(), *benchmark);
  print_remarks(eval::remarks_on(joined), answers.format, missing);
  write_file_atomically(out, eval::imported_lines(*benchmark, answers, joined, missing));
  print_scores(eval::rescore(*benchmark, out));
  fmt::print("{}\n", out.string());
  const bool whole = joined.unanswered.empty() && joined.strangers.empty();
  return whole ? 0 : kSomeLeftOut;
}

}  // namespace scalselect::app
