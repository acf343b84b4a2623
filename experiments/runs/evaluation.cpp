#include "experiments/runs/evaluation.h"

#include <algorithm>

#include "core/files.h"
#include "core/hash.h"
#include "eval/registry.h"
#include "eval/skills.h"

namespace scalselect::pipeline {
namespace {

std::int64_t lines_of(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return 0;
  const auto text = read_file(file, kDataBytes);
  return std::count(text.begin(), text.end(), '\n');
}

}  // namespace

ScoredAnswers score_answers(const eval::BenchmarkOptions& options, const std::filesystem::path& folder) {
  const auto benchmark = eval::make_benchmark(options);
  return {benchmark->options(), eval::rescore(*benchmark, folder / "predictions.jsonl"),
          lines_of(folder / kUnusableFile)};
}

std::string unusable_lines(std::span<const eval::Unusable> questions) {
  std::string lines;
  for (const auto& question : questions) {
    const nlohmann::ordered_json line = {{"id", question.id}, {"reason", question.reason}};
    lines += line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  return lines;
}

void log_scores(Store& store, const std::string& run_id, std::span<const ScoredAnswers> scored) {
  std::vector<MetricRow> metrics;
  std::vector<eval::Question> questions;
  std::vector<eval::Outcome> outcomes;
  for (const auto& item : scored) {
    const auto& rescored = item.rescored;
    const auto& name = item.options.name;
    for (const auto& stats : rescored.scores.metrics)
      metrics.push_back({"eval/" + name + "/" + stats.metric.name, 0, stats.metric.value});
    const auto count = [&](const char* what, double value) {
      metrics.push_back({"answers/" + name + "/" + what, 0, value});
    };
    count("questions", static_cast<double>(rescored.questions.size()));
    count("unusable", static_cast<double>(item.unusable));
    count("unreadable", rescored.scores.unreadable);
    for (std::size_t i = 0; i < rescored.questions.size(); ++i) {
      if (rescored.questions[i].skill.empty()) continue;  // real benchmarks have none, and many questions
      questions.push_back(rescored.questions[i]);
      outcomes.push_back(rescored.outcomes[i]);
    }
  }
  const auto skills = eval::skill_scores(questions, outcomes);
  for (const auto& skill : skills) {
    metrics.push_back({"skill/" + skill.skill + "/accuracy", 0, skill.accuracy});
    metrics.push_back({"skill/" + skill.skill + "/chance", 0, skill.chance});
  }
  if (!skills.empty()) metrics.push_back({"skill/mean", 0, eval::mean_skill_accuracy(skills)});
  store.log_metrics(run_id, metrics);
}

RunStart evaluation_start(const EvaluationRecord& record, std::span<const eval::BenchmarkOptions> benchmarks,
                          const std::string& content) {
  RunStart run;
  run.experiment = record.experiment;
  run.name = record.name;
  run.config = record.config;
  auto& list = run.config["eval"]["benchmarks"] = nlohmann::ordered_json::array();
  for (const auto& benchmark : benchmarks) list.push_back(dump_options(benchmark));
  run.choices = record.choices;
  run.overrides = record.overrides;
  run.provenance = record.provenance;
  auto identity = nlohmann::json::array();
  for (auto item : nlohmann::json(list)) {
    for (const char* key : {"path", "images", "skills"})
      item.erase(key);  // where it lies; what it holds is in `content`
    identity.push_back(std::move(item));
  }
  run.config_hash = sha256_json({{"name", record.name}, {"benchmarks", identity}, {"content", content}});
  return run;
}

std::string record_evaluation(Store& store, const EvaluationRecord& record,
                              std::span<const AnsweredBenchmark> benchmarks, const std::vector<std::string>& warnings,
                              std::vector<ScoredAnswers>* scored) {
  std::vector<ScoredAnswers> scores;
  std::vector<eval::BenchmarkOptions> options;
  Sha256 content;
  for (const auto& benchmark : benchmarks) {
    scores.push_back(score_answers(benchmark.options, benchmark.folder));
    options.push_back(scores.back().options);
    content.update(benchmark.digest).update("\n");
  }
  auto id = store.start_run(evaluation_start(record, options, content.finish()));
  for (std::size_t i = 0; i < benchmarks.size(); ++i) {
    const auto stage = "predictions/" + options[i].name;
    store.log_stage(id, {stage, benchmarks[i].digest, /*cached=*/true, 0, 0, 0});
    store.log_artifact(id, {stage, std::filesystem::absolute(benchmarks[i].folder).string(), benchmarks[i].digest, 0});
  }
  log_scores(store, id, scores);
  store.log_warnings(id, warnings);
  store.finish_run(id, "finished");
  if (scored != nullptr) *scored = std::move(scores);
  return id;
}

}  // namespace scalselect::pipeline
