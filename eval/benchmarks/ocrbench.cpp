// OCRBench v1: the answer must occur in the response.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>

#include "core/error.h"
#include "eval/images.h"
#include "eval/json_files.h"
#include "eval/matchers.h"
#include "eval/matching.h"
#include "eval/metric_stats.h"
#include "eval/parquet_questions.h"
#include "eval/prompts.h"
#include "eval/python_literal.h"
#include "eval/registry.h"
#include "eval/text.h"
#include "eval/tsv_questions.h"
#include "eval/vqa_rows.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

// The benchmark reports six types of recognition as one group.
std::string group_of(const std::string& type) {
  return type.ends_with("Recognition") && type != kOcrFormulas ? "Text Recognition" : type;
}

class OcrBench final : public Benchmark {
 public:
  using Benchmark::Benchmark;

  std::vector<Matcher> matchers() const override { return matchers_of(AnswerKind::kOcrText); }
  Parsed parse(const Question& question, const std::string& raw) const override {
    return matcher_rule(AnswerKind::kOcrText, options_.matcher).read(question, raw);
  }

  double score(const Question& question, const Parsed& parsed) const override {
    for (const auto& answer : question.answers) {
      if (parsed.value == answer) return 1;
    }
    return 0;
  }

 protected:
  std::vector<std::string> annotation_files() const override { return one_or_parquet(options_.path); }
  std::vector<std::string> default_columns() const override { return {"accuracy"}; }

  std::vector<Question> read(const std::string& image_cache) const override {
    auto questions = is_tsv(options_.path)            ? read_tsv(image_cache)
                     : is_parquet_path(options_.path) ? read_parquet(image_cache)
                                                      : read_json();
    for (auto& question : questions) {
      if (question.unusable.empty()) question.unusable = answer_problem(question);
      if (!question.category.empty()) question.splits = {group_of(question.category)};
      question.prompt = ocrbench_prompt(options_.style, question.question);
    }
    return questions;
  }

  std::vector<MetricStats> metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                   std::span<const std::int32_t> clusters) const override {
    std::map<std::string, std::vector<std::size_t>> groups;
    std::vector<std::size_t> all(questions.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    for (std::size_t i = 0; i < questions.size(); ++i) {
      if (!questions[i].category.empty()) groups["category/" + questions[i].category].push_back(i);
      for (const auto& split : questions[i].splits) groups["split/" + split].push_back(i);
    }
    const auto accuracy = [&](const std::string& name, const std::string& label, const std::vector<std::size_t>& rows) {
      std::vector<std::pair<std::int32_t, double>> items;
      std::vector<const Question*> members;
      for (const std::size_t i : rows) {
        items.emplace_back(clusters[i], outcomes[i].score);
        members.push_back(&questions[i]);
      }
      return percent_metric({.name = name, .display = label, .majority = 100 * majority_share(members)}, items);
    };
    std::vector<MetricStats> result = {accuracy("accuracy", display(), all)};
    for (const auto& [name, rows] : groups) result.push_back(accuracy(name, name.substr(name.find('/') + 1), rows));
    MetricStats points = result.front();  // the benchmark's own unit: one point per question
    points.metric.name = "points";
    points.metric.display = display() + " points";
    points.metric.scale_max = static_cast<double>(all.size());
    points.metric.majority *= points.metric.scale_max / 100;
    points.formula = [](std::span<const double> sums) { return sums[0]; };
    result.push_back(std::move(points));
    return result;
  }

 private:
  static std::string answer_problem(const Question& question) {
    if (question.answers.empty()) return "it has no answers";
    for (const auto& answer : question.answers) {
      if (strip(answer).empty()) return "it has an empty answer, which would match every response";
    }
    return {};
  }

  std::vector<Question> read_tsv(const std::string& image_cache) const {
    auto questions =
        tsv_questions(TsvTable::read(options_.path), options_.style, image_cache, tsv_image_root(options_));
    for (auto& question : questions) {
      question.options.clear();
      try {
        question.answers = list_or_text(question.answers.front());
      } catch (const std::invalid_argument& error) {
        question.unusable = fmt::format("its answer looks like a list, but {}", error.what());
      }
    }
    return questions;
  }

  std::vector<Question> read_parquet(const std::string& image_cache) const {
    std::vector<Question> questions;
    for_each_parquet_row(parquet_files(options_.path), {"question", "question_type", "answer"}, image_cache,
                         [&](const nlohmann::json& row, Question& question) {
                           question.question = parquet_text(row, "question");
                           question.category = parquet_text(row, "question_type");
                           for (const auto& answer : parquet_options(row, "answer"))
                             question.answers.push_back(answer.text);
                           questions.push_back(std::move(question));
                         });
    return questions;
  }

  std::vector<Question> read_json() const {
    const nlohmann::json list = parse_json_file(options_.path);
    if (!list.is_array()) throw UserError(ErrorKind::kInput, options_.path + ": a JSON list of questions is expected");
    const fs::path root =
        options_.images.empty() ? fs::path(options_.path).parent_path() / "OCRBench_Images" : fs::path(options_.images);
    QuestionList questions;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto fill = [&](Question& question) {
        // `id` repeats between the source data sets, and some of them lack it.
        question.id = question.group = std::to_string(i);
        read_element(list[i], fmt::format("{}: question {}", options_.path, i), root, question);
        return true;
      };
      questions.add(std::to_string(i), fill);
    }
    return questions.take();
  }

  static void read_element(const nlohmann::json& element, const std::string& where, const fs::path& root,
                           Question& question) {
    question.question = json_string(element, "question", where);
    question.category = json_string(element, "type", where);
    const auto& answers = json_field(element, "answers", where);
    for (const auto& answer : answers.is_array() ? answers : nlohmann::json::array({answers})) {
      question.answers.push_back(answer.is_string() ? answer.get<std::string>() : answer.dump());
    }
    question.image_names = {json_string(element, "image_path", where)};
    question.images = {(root / question.image_names[0]).string()};
    question.cluster = question.image_names[0];
  }
};

}  // namespace

/// OCRBench v1: OCRBench.json with OCRBench_Images/ beside it; or VLMEvalKit's TSV.
std::unique_ptr<Benchmark> make_ocrbench(const BenchmarkOptions& options) {
  return std::make_unique<OcrBench>(options);
}

}  // namespace scalselect::eval
