#include "eval/predictions.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "eval/json_files.h"

namespace scalselect::eval {
namespace {

using nlohmann::json;

Prediction prediction_of(const json& record, const std::string& where) {
  Prediction prediction;
  Question& question = prediction.question;
  question.id = json_string(record, "id", where);
  prediction.response = json_string(record, "response", where);
  try {
    question.row = record.at("row").get<std::int64_t>();
    question.prompt = record.at("prompt").get<std::string>();
    question.group = record.at("group").get<std::string>();
    question.rotation = record.at("rot").get<int>();
    question.cluster = record.at("cluster").get<std::string>();
    question.stratum = record.at("stratum").get<std::string>();
    question.category = record.at("category").get<std::string>();
    question.splits = record.at("categories").get<std::vector<std::string>>();
    question.skill = record.at("skill").get<std::string>();
    question.question = record.at("question").get<std::string>();
    question.hint = record.at("hint").get<std::string>();
    question.answers = record.at("answers").get<std::vector<std::string>>();
    for (const auto& option : record.at("options")) {
      question.options.push_back({option.at(0).get<std::string>(), option.at(1).get<std::string>()});
    }
    for (const auto& image : record.at("images")) question.image_names.push_back(image.at("file").get<std::string>());
  } catch (const json::exception& error) {
    throw UserError(ErrorKind::kInput, fmt::format("{} is not a prediction record ({})", where, error.what()),
                    "Delete the file and evaluate again.");
  }
  return prediction;
}

}  // namespace

json prediction_record(const Question& question, const std::string& response, const std::string& benchmark,
                       const std::string& fingerprint, json images, const std::string& profile, json gen) {
  json options = json::array();
  for (const auto& option : question.options) options.push_back({option.label, option.text});
  return {{"schema", 1},
          {"bench", benchmark},
          {"bench_file_sha256", fingerprint},
          {"id", question.id},
          {"row", question.row},
          {"group", question.group},
          {"rot", question.rotation},
          {"cluster", question.cluster},
          {"stratum", question.stratum},
          {"category", question.category},
          {"categories", question.splits},
          {"skill", question.skill},
          {"images", std::move(images)},
          {"question", question.question},
          {"hint", question.hint},
          {"options", std::move(options)},
          {"answers", question.answers},
          {"profile", profile},
          {"prompt", question.prompt},
          {"response", response},
          {"gen", std::move(gen)}};
}

std::string prediction_line(const json& record) {
  return record.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

namespace {

/// Calls `visit` for each prediction. Throws UserError(kInput) where one repeats an earlier one's question.
void for_each_prediction(const std::filesystem::path& file,
                         const std::function<void(const json&, const std::string& where, Prediction)>& visit) {
  std::unordered_map<std::string, std::string> seen;  // id -> where
  for_each_json_line(file, [&](const json& record, const std::string& where) {
    auto prediction = prediction_of(record, where);
    if (const auto [first, added] = seen.emplace(prediction.question.id, where); !added) {
      throw UserError(
          ErrorKind::kInput,
          fmt::format("{} answers question '{}' again, after {}", where, prediction.question.id, first->second),
          "Keep one of the two lines.");
    }
    visit(record, where, std::move(prediction));
  });
}

}  // namespace

std::vector<Prediction> read_predictions(const std::filesystem::path& file) {
  std::vector<Prediction> predictions;
  for_each_prediction(file, [&](const json&, const std::string&, Prediction prediction) {
    predictions.push_back(std::move(prediction));
  });
  return predictions;
}

StoredAnswers stored_answers(const Benchmark& benchmark, const std::filesystem::path& file) {
  StoredAnswers answers;
  answers.file = file;
  for_each_prediction(file, [&](const json& record, const std::string& where, Prediction prediction) {
    const std::string bench = json_string(record, "bench", where);
    if (bench != benchmark.name()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{} belongs to benchmark '{}', not '{}'", where, bench, benchmark.name()));
    }
    if (prediction.question.answers.empty() && !benchmark.references_optional()) {
      throw UserError(ErrorKind::kInput, where + " has no answers");
    }
    answers.questions.push_back(std::move(prediction.question));
    answers.responses.push_back(std::move(prediction.response));
  });
  if (answers.questions.empty()) {
    throw UserError(ErrorKind::kInput, file.string() + ": holds no predictions", "Evaluate first.");
  }
  return answers;
}

std::vector<Outcome> judge_all(const Benchmark& benchmark, const StoredAnswers& answers) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(answers.questions.size());
  for (std::size_t i = 0; i < answers.questions.size(); ++i)
    outcomes.push_back(benchmark.judge(answers.questions[i], answers.responses[i]));
  return outcomes;
}

ScoredBenchmark score_all(const Benchmark& benchmark, const StoredAnswers& answers, std::span<const Outcome> outcomes) {
  try {
    return benchmark.aggregate(answers.questions, outcomes);
  } catch (const UserError& error) {  // which does not know where the answers are from
    throw UserError(error.kind(), fmt::format("{}: {}", answers.file.string(), error.problem()), error.remedy());
  }
}

Rescored rescore(const Benchmark& benchmark, const std::filesystem::path& file) {
  auto answers = stored_answers(benchmark, file);
  Rescored result;
  result.outcomes = judge_all(benchmark, answers);
  result.scores = score_all(benchmark, answers, result.outcomes);
  result.questions = std::move(answers.questions);
  return result;
}

void write_scores(const Rescored& rescored, const std::filesystem::path& file) {
  std::string lines;
  for (std::size_t i = 0; i < rescored.questions.size(); ++i) {
    const Outcome& outcome = rescored.outcomes[i];
    const json record = {{"id", rescored.questions[i].id},
                         {"parsed", outcome.parsed.value},
                         {"rule", outcome.parsed.rule},
                         {"score", outcome.score}};
    lines += record.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  }
  write_file_atomically(file, lines);
}

}  // namespace scalselect::eval
