// ScienceQA's test split: all of it, or the questions that have an image.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "eval/json_files.h"
#include "eval/multiple_choice.h"
#include "eval/parquet_questions.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/text.h"
#include "eval/tsv_questions.h"
#include "eval/vqa_rows.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

constexpr char kWithImage[] = "with an image", kTextOnly[] = "text only";  // splits of the full set

class ScienceQa final : public MultipleChoice {
 public:
  ScienceQa(const BenchmarkOptions& options, bool full) : MultipleChoice(options), full_(full) {}

 protected:
  AnswerKind answer_kind() const override { return AnswerKind::kScienceQaOption; }
  std::vector<std::string> annotation_files() const override {
    if (is_tsv(options_.path) || is_parquet_path(options_.path)) return one_or_parquet(options_.path);
    if (fs::exists(llava_list())) return {llava_list().string(), problems().string()};
    return {problems().string(), splits().string()};
  }

  std::vector<Question> read(const std::string& image_cache) const override {
    std::vector<Question> questions;
    if (is_tsv(options_.path)) {
      if (full_) {
        throw UserError(ErrorKind::kInput,
                        fmt::format("'{}' has ScienceQA's questions with an image only.", options_.path),
                        "Give the folder of problems.json and pid_splits.json, or lmms-eval's ScienceQA-FULL.");
      }
      const TsvTable table = TsvTable::read(options_.path);
      questions = tsv_questions(table, options_.style, image_cache, tsv_image_root(options_));
      check_answers(questions, &table);
    } else if (is_parquet_path(options_.path)) {
      questions = read_parquet(image_cache);
    } else {
      if (fs::exists(llava_list())) return read_llava(parse_json_file(problems()));
      questions = read_problems(parse_json_file(problems()), parse_json_file(splits()));
    }
    for (auto& question : questions) {
      question.prompt =
          scienceqa_prompt(options_.style, question.question, question.hint, question.options, options_.language);
    }
    return questions;
  }

 private:
  // ScienceQA-FULL has questions without an image, ScienceQA-IMG has none.
  std::vector<Question> read_parquet(const std::string& image_cache) const {
    std::vector<Question> questions;
    for_each_parquet_row(parquet_files(options_.path), {"question", "choices", "answer"}, image_cache,
                         [&](const nlohmann::json& row, Question& question) {
                           const bool text_only = !row.empty() && row.value("image", nlohmann::json()).is_null();
                           if (text_only && !full_) return;
                           if (text_only) {
                             question.unusable.clear();
                             question.cluster = question.id;
                           }
                           question.question = parquet_text(row, "question");
                           question.hint = parquet_text(row, "hint");
                           question.options = parquet_options(row, "choices");
                           set_position(question, parquet_text(row, "answer"));
                           question.category = parquet_text(row, "topic");
                           question.splits = {parquet_text(row, "subject")};
                           if (full_) question.splits.emplace_back(text_only ? kTextOnly : kWithImage);
                           questions.push_back(std::move(question));
                         });
    return questions;
  }

  // The test split in its own order.
  std::vector<Question> read_problems(const nlohmann::json& all, const nlohmann::json& split) const {
    QuestionList questions;
    for (const auto& id : json_field(split, "test", splits().string())) {
      const std::string pid = id.is_string() ? id.get<std::string>() : id.dump();
      questions.add(pid, [&](Question& question) {
        const auto what = fmt::format("{}: problem '{}' of the test split", splits().string(), pid);
        const auto& problem = problem_of(pid, all, what);
        if (!full_ && !has_image(problem)) return false;
        question = question_of(pid, problem);
        return true;
      });
    }
    return questions.take();
  }

  // LLaVA's own list, in its order and, in its style, with its texts; choices and answers are in problems.json.
  std::vector<Question> read_llava(const nlohmann::json& all) const {
    QuestionList questions;
    std::size_t number = 0;
    for (const auto& item : parse_json_file(llava_list())) {
      const auto where = fmt::format("{}: element {}", llava_list().string(), number++);
      questions.add(where, [&](Question& question) { return fill_from_llava(item, where, all, question); });
    }
    return questions.take();
  }

  bool fill_from_llava(const nlohmann::json& item, const std::string& where, const nlohmann::json& all,
                       Question& question) const {
    const std::string pid = json_string(item, "id", where), what = fmt::format("{} (question '{}')", where, pid);
    if (!full_ && !has_json(item, "image")) return false;
    question.id = pid;
    question = question_of(pid, problem_of(pid, all, what));
    question.prompt =
        scienceqa_prompt(options_.style, question.question, question.hint, question.options, options_.language);
    const auto& turns = json_field(item, "conversations", what);
    if (options_.style == PromptStyle::kLlava && turns.is_array() && !turns.empty()) {
      const std::string text = strip(replace_all(json_string(turns[0], "value", what), "<image>", ""));
      question.prompt = text + "\n" + kLetterRequest;
    }
    return true;
  }

  // Its choices and answers.
  const nlohmann::json& problem_of(const std::string& pid, const nlohmann::json& all, const std::string& what) const {
    const auto found = all.find(pid);
    if (found != all.end()) return *found;
    throw UserError(ErrorKind::kInput, fmt::format("{} is not in {}", what, problems().string()),
                    "Both files must be of one release.");
  }

  fs::path llava_list() const { return fs::path(options_.path) / "llava_test_CQM-A.json"; }
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
    set_position(question, json_field(problem, "answer", what).dump());
    if (has_json(problem, "topic")) question.category = json_string(problem, "topic", what);
    if (has_json(problem, "subject")) question.splits = {json_string(problem, "subject", what)};
    if (full_) question.splits.emplace_back(has_image(problem) ? kWithImage : kTextOnly);
    question.cluster = pid;
    if (full_ && !has_image(problem)) return question;
    const std::string name = pid + "/" + json_string(problem, "image", what);
    const fs::path root =
        options_.images.empty() ? fs::path(options_.path) / "images" / "test" : fs::path(options_.images);
    question.images = {(root / name).string()};
    question.image_names = {name};
    question.cluster = name;
    return question;
  }

  bool full_;  ///< text-only questions too
};

}  // namespace

/// The 2,017 questions with an image (ScienceQA-IMG): a folder with problems.json, pid_splits.json and
/// images/test/ID/FILE, lmms-eval's Parquet files, or VLMEvalKit's TSV.
std::unique_ptr<Benchmark> make_scienceqa(const BenchmarkOptions& options) {
  return std::make_unique<ScienceQa>(options, /*full=*/false);
}

/// All 4,241 test questions, from the same files but VLMEvalKit's, which has no others than the above.
std::unique_ptr<Benchmark> make_scienceqa_full(const BenchmarkOptions& options) {
  return std::make_unique<ScienceQa>(options, /*full=*/true);
}

}  // namespace scalselect::eval
