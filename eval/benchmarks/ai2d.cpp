// AI2D: four-way questions about diagrams.
#include "eval/multiple_choice.h"
#include "eval/parquet_questions.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/tsv_questions.h"

namespace scalselect::eval {
namespace {

class Ai2d final : public MultipleChoice {
 public:
  using MultipleChoice::MultipleChoice;

 protected:
  // lmms-eval shows its `qwen_vl` no letters.
  AnswerKind answer_kind() const override {
    return options_.style == PromptStyle::kLmmsEvalQwen ? AnswerKind::kAi2dText : AnswerKind::kAi2dOption;
  }
  std::vector<std::string> annotation_files() const override { return one_or_parquet(options_.path); }
  std::vector<Question> read(const std::string& image_cache) const override {
    auto questions = is_parquet_path(options_.path) ? read_parquet(image_cache) : read_tsv(image_cache);
    for (auto& question : questions) {
      question.prompt =
          ai2d_prompt(options_.style, question.question, question.hint, question.options, options_.language);
    }
    return questions;
  }

 private:
  std::vector<Question> read_tsv(const std::string& image_cache) const {
    const TsvTable table = TsvTable::read(options_.path);
    auto questions = tsv_questions(table, options_.style, image_cache, tsv_image_root(options_));
    check_answers(questions, &table);
    return questions;
  }

  std::vector<Question> read_parquet(const std::string& image_cache) const {
    std::vector<Question> questions;
    for_each_parquet_row(parquet_files(options_.path), {"question", "options", "answer"}, image_cache,
                         [&](const nlohmann::json& row, Question& question) {
                           question.question = parquet_text(row, "question");
                           question.options = parquet_options(row, "options");
                           set_position(question, parquet_text(row, "answer"));
                           questions.push_back(std::move(question));
                         });
    return questions;
  }
};

}  // namespace

/// AI2D, masked or not: VLMEvalKit's TSV or lmms-eval's Parquet.
std::unique_ptr<Benchmark> make_ai2d(const BenchmarkOptions& options) { return std::make_unique<Ai2d>(options); }

}  // namespace scalselect::eval
