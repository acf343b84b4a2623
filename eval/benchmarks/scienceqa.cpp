// ScienceQA, the test split's questions that have an image.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "eval/json_files.h"
#include "eval/matching.h"
#include "eval/multiple_choice.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/tsv_questions.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

class ScienceQa final : public MultipleChoice {
 public:
  using MultipleChoice::MultipleChoice;

  Parsed parse(const Question& question, const std::string& raw) const override {
    return options_.matcher == Matcher::kOfficial ? scienceqa_option(raw, question.options)
                                                  : MultipleChoice::parse(question, raw);
  }

 protected:
  std::vector<std::string> annotation_files() const override {
    if (is_tsv(options_.path)) return {options_.path};
    return {problems().string(), splits().string()};
  }

  std::vector<Question> read(const std::string& image_cache) const override {
    std::vector<Question> questions;
    if (is_tsv(options_.path)) {
      questions = tsv_questions(TsvTable::read(options_.path), options_.style, image_cache, tsv_image_root(options_));
    } else {
      const nlohmann::json all = parse_json_file(problems());
      const nlohmann::json split = parse_json_file(splits());
      for (const auto& id : json_field(split, "test", splits().string())) {
        const std::string pid = id.is_string() ? id.get<std::string>() : id.dump();
        const auto found = all.find(pid);
        if (found == all.end()) {
          throw UserError(ErrorKind::kInput, fmt::format("{}: problem '{}' of the test split is not in {}",
                                                         splits().string(), pid, problems().string()));
        }
        if (has_image(*found)) questions.push_back(question_of(pid, *found));
      }
    }
    for (auto& question : questions) {
      question.prompt = multiple_choice_prompt(options_.style, question.question, question.hint, question.options,
                                               options_.language, "Context: ");
    }
    check_answers(questions);
    return questions;
  }

 private:
  fs::path problems() const { return fs::path(options_.path) / "problems.json"; }
  fs::path splits() const { return fs::path(options_.path) / "pid_splits.json"; }

  static bool has_image(const nlohmann::json& problem) {
    const auto image = problem.find("image");
    return image != problem.end() && image->is_string() && !image->get<std::string>().empty();
  }

  Question question_of(const std::string& pid, const nlohmann::json& problem) const {
    const std::string what = fmt::format("{}: problem '{}'", problems().string(), pid);
    Question question;
    question.id = question.group = pid;
    question.question = json_string(problem, "question", what);
    if (has_json(problem, "hint")) question.hint = json_string(problem, "hint", what);
    for (const auto& choice : json_field(problem, "choices", what)) {
      if (!choice.is_string()) throw UserError(ErrorKind::kInput, what + " has a choice that is not a string");
      question.options.push_back(
          {std::string(1, static_cast<char>('A' + question.options.size())), choice.get<std::string>()});
    }
    const auto& answer = json_field(problem, "answer", what);
    const bool valid = answer.is_number_integer() && answer.get<std::int64_t>() >= 0 &&
                       answer.get<std::int64_t>() < static_cast<std::int64_t>(question.options.size());
    if (!valid) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{} has the answer {} for {} choices", what, answer.dump(), question.options.size()),
                      "The answer is the 0-based position of the right choice.");
    }
    question.answers = {question.options[answer.get<std::size_t>()].label};
    if (has_json(problem, "topic")) question.category = json_string(problem, "topic", what);
    if (has_json(problem, "subject")) question.splits = {json_string(problem, "subject", what)};
    const std::string name = pid + "/" + json_string(problem, "image", what);
    const fs::path root =
        options_.images.empty() ? fs::path(options_.path) / "images" / "test" : fs::path(options_.images);
    question.images = {(root / name).string()};
    question.image_names = {name};
    question.cluster = name;
    return question;
  }
};

}  // namespace

/// ScienceQA's image questions of the test split: a folder with problems.json, pid_splits.json and images/test/ID/FILE;
/// or VLMEvalKit's TSV.
std::unique_ptr<Benchmark> make_scienceqa(const BenchmarkOptions& options) {
  return std::make_unique<ScienceQa>(options);
}

}  // namespace scalselect::eval
