// AI2D: four-way questions about diagrams.
#include "eval/multiple_choice.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/tsv_questions.h"

namespace scalselect::eval {
namespace {

class Ai2d final : public MultipleChoice {
 public:
  using MultipleChoice::MultipleChoice;

 protected:
  std::vector<std::string> annotation_files() const override { return {options_.path}; }
  std::vector<Question> read(const std::string& image_cache) const override {
    const TsvTable table = TsvTable::read(options_.path);
    auto questions = tsv_questions(table, options_.style, image_cache, tsv_image_root(options_));
    for (auto& question : questions) {
      question.prompt =
          multiple_choice_prompt(options_.style, question.question, question.hint, question.options, options_.language);
    }
    check_answers(questions);
    return questions;
  }
};

}  // namespace

/// AI2D: VLMEvalKit's TSV (masked or not).
std::unique_ptr<Benchmark> make_ai2d(const BenchmarkOptions& options) { return std::make_unique<Ai2d>(options); }

}  // namespace scalselect::eval
