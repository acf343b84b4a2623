// eval rescore: every way of reading stored answers, without the model.
#include <fmt/format.h>

#include <map>

#include "core/error.h"
#include "core/files.h"
#include "eval/predictions.h"
#include "eval/registry.h"
#include "experiments/app/answer_files.h"
#include "experiments/app/eval_command.h"
#include "experiments/report/text.h"

namespace scalselect::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kCommand[] = "eval rescore";

struct Reading {
  std::string matcher;
  std::vector<eval::Outcome> outcomes;
  eval::ScoredBenchmark scores;
};

/// The matchers that are asked for and that the benchmark knows.
Words matchers_for(const PlainWords& asked, const eval::BenchmarkOptions& options) {
  auto known = eval::matchers_of(options);
  if (known.empty()) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("Answers to '{}' are collected, but nothing here can score them.", options.kind),
                    "Rescore the other benchmarks: benchmark=NAME.");
  }
  const auto value = asked.value("matcher", "all");
  if (value == "all") return known;
  auto names = listed(value);
  for (const auto& name : names) require_one_of(kCommand, "matcher", name, known);
  return names;
}

std::unique_ptr<eval::Benchmark> benchmark_with(const AnswerFile& answers, const std::string& matcher) {
  auto tree = nlohmann::json(dump_options(answers.benchmark));
  tree["matcher"] = matcher;
  return eval::make_benchmark(bind_options<eval::BenchmarkOptions>(tree));
}

/// What each matcher makes of the answers. Of the metrics only the values are kept.
std::vector<Reading> read_all(const AnswerFile& file, const eval::StoredAnswers& answers, const Words& matchers) {
  std::vector<Reading> readings;
  for (const auto& matcher : matchers) {
    const auto benchmark = benchmark_with(file, matcher);
    auto& reading = readings.emplace_back(Reading{matcher, eval::judge_all(*benchmark, answers), {}});
    reading.scores = eval::score_all(*benchmark, answers, reading.outcomes);
    for (auto& stats : reading.scores.metrics) stats.entries = {};
  }
  return readings;
}

std::string number(double value) { return fmt::format("{:.4f}", value); }

/// Metric names with the readings' values; columns only unless all are asked for.
std::vector<std::pair<std::string, std::vector<double>>> metrics_of(const std::vector<Reading>& readings, bool all) {
  std::vector<std::pair<std::string, std::vector<double>>> rows;
  for (const auto& stats : readings.front().scores.metrics) {
    if (!all && !stats.metric.column) continue;
    rows.push_back({stats.metric.name, {}});
    for (const auto& reading : readings) {
      const auto* const found = reading.scores.find(stats.metric.name);
      rows.back().second.push_back(found == nullptr ? 0 : found->metric.value);
    }
  }
  return rows;
}

void print_text(const AnswerFile& answers, const std::vector<Reading>& readings, bool all) {
  fmt::print("{} ({}): {}, {} answers\n", answers.benchmark.name, answers.source, answers.model,
             readings.front().outcomes.size());
  std::vector<Words> rows = {{"metric"}};
  for (const auto& reading : readings) rows[0].push_back(reading.matcher);
  for (const auto& [name, values] : metrics_of(readings, all)) {
    rows.push_back({name});
    for (const auto value : values) rows.back().push_back(number(value));
  }
  rows.push_back({"not readable"});
  for (const auto& reading : readings) {
    rows.back().push_back(fmt::format("{:.2f} %", 100 * reading.scores.unreadable));
  }
  fmt::print("{}", aligned(rows));
}

void add_json(const AnswerFile& answers, const std::vector<Reading>& readings, bool all, Json& list) {
  Json item = {{"source", answers.source},
               {"benchmark", answers.benchmark.name},
               {"kind", answers.benchmark.kind},
               {"answers", readings.front().outcomes.size()},
               {"matchers", Json::object()}};
  const auto metrics = metrics_of(readings, all);
  for (std::size_t r = 0; r < readings.size(); ++r) {
    auto& entry = item["matchers"][readings[r].matcher];
    entry = {{"unreadable", readings[r].scores.unreadable}, {"metrics", Json::object()}};
    for (const auto& [name, values] : metrics) entry["metrics"][name] = values[r];
  }
  list.push_back(std::move(item));
}

void print_csv(const AnswerFile& answers, const std::vector<Reading>& readings, bool all) {
  for (const auto& [name, values] : metrics_of(readings, all)) {
    for (std::size_t r = 0; r < readings.size(); ++r) {
      fmt::print("{},{},{},{},{},{},{}\n", report::csv_field(answers.source), report::csv_field(answers.benchmark.name),
                 readings[r].matcher, report::csv_field(name), values[r], readings[r].scores.unreadable,
                 readings[r].outcomes.size());
    }
  }
}

/// One line per question: what each matcher read, by which rule, and its score.
std::string question_lines(const AnswerFile& file, const eval::StoredAnswers& answers,
                           const std::vector<Reading>& readings) {
  std::string lines;
  for (std::size_t i = 0; i < answers.questions.size(); ++i) {
    Json record = {{"source", file.source},
                   {"benchmark", file.benchmark.name},
                   {"id", answers.questions[i].id},
                   {"response", answers.responses[i]},
                   {"answers", answers.questions[i].answers},
                   {"read", Json::object()}};
    for (const auto& reading : readings) {
      const auto& outcome = reading.outcomes[i];
      record["read"][reading.matcher] = {
          {"parsed", outcome.parsed.value}, {"rule", outcome.parsed.rule}, {"score", outcome.score}};
    }
    lines += record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return lines;
}

}  // namespace

int eval_rescore(const Words& words) {
  const auto asked = parse_plain(kCommand, words, 1000);
  if (asked.names.empty()) refuse_plain(kCommand, "`eval rescore` needs a run or a file of predictions.");
  const auto format = asked.value("format", "text");
  require_one_of(kCommand, "format", format, {"text", "csv", "json"});
  const bool all = asked.flags.contains("--all");
  const std::filesystem::path out = asked.value("out");
  if (!out.empty()) require_writable(out);
  auto list = Json::array();
  std::string lines;
  if (format == "csv") fmt::print("source,benchmark,matcher,metric,value,unreadable,answers\n");
  bool first = true;
  for (const auto& name : asked.names) {
    for (const auto& file : answer_files(kCommand, asked, name, asked.value("benchmark"))) {
      refuse_overwriting(kCommand, out, {file.file});
      const auto matchers = matchers_for(asked, file.benchmark);
      const auto answers = eval::stored_answers(*benchmark_with(file, matchers.front()), file.file);
      const auto readings = read_all(file, answers, matchers);
      if (format == "text" && !first) fmt::print("\n");
      if (format == "text") print_text(file, readings, all);
      if (format == "csv") print_csv(file, readings, all);
      if (format == "json") add_json(file, readings, all, list);
      if (!out.empty()) lines += question_lines(file, answers, readings);
      first = false;
    }
  }
  if (format == "json") fmt::print("{}\n", list.dump(1, ' ', false, Json::error_handler_t::replace));
  if (!out.empty()) write_file_atomically(out, lines);
  return 0;
}

}  // namespace scalselect::app
