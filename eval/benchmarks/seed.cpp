// SEED-Bench, the questions about single pictures: four options.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/log.h"
#include "eval/multiple_choice.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/tsv_questions.h"
#include "eval/vqa_benchmark.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

class Seed final : public MultipleChoice {
 public:
  using MultipleChoice::MultipleChoice;

 protected:
  AnswerKind answer_kind() const override { return AnswerKind::kSeedOption; }
  std::vector<std::string> annotation_files() const override { return row_files(questions_file()); }

  std::vector<Question> read(const std::string& image_cache) const override {
    const fs::path file = questions_file();
    auto questions = is_tsv(file.string())
                         ? tsv_questions(TsvTable::read(file), options_.style, image_cache, tsv_image_root(options_))
                         : read_rows(file, image_cache);
    for (auto& question : questions) {
      question.prompt =
          multiple_choice_prompt(options_.style, question.question, question.hint, question.options, options_.language);
    }
    check_answers(questions);
    return questions;
  }

 private:
  fs::path questions_file() const { return find_file(options_.path, {"SEED-Bench.json", "SEEDBench_IMG.tsv"}); }

  std::vector<Question> read_rows(const fs::path& file, const std::string& image_cache) const {
    const RowPictures pictures(image_cache, image_folder(options_, {file.parent_path() / "SEED-Bench-image"}));
    const RowKeys keys = {{"question_id"}, {"question"}, {"answer"}, {"question_type_id"}, {}};
    std::size_t others = 0;
    auto questions =
        questions_of(file, {"questions"}, [&](const nlohmann::json& row, const std::string& where, Question& question) {
          if (text_of(row, {"data_type"}, where) != "image") {
            ++others;
            return false;
          }
          open_question(row, keys, where, question);
          question.answers = {text_of(row, {"answer"}, where)};
          for (const char label : {'a', 'b', 'c', 'd'}) {
            question.options.push_back({std::string(1, static_cast<char>(label - 32)),
                                        text_of(row, {fmt::format("choice_{}", label)}, where)});
          }
          pictures.read(row.value(first_key(row, {"image", "data_id"}), nlohmann::json()), where, question);
          return true;
        });
    if (others > 0) log_info("{}: {} questions about videos are not part of SEED-Image", file.string(), others);
    return questions;
  }
};

}  // namespace

/// SEED-Image: SEED-Bench.json with SEED-Bench-image/ beside it; VLMEvalKit's TSV; lmms-eval's Parquet. Questions about
/// videos are left out.
std::unique_ptr<Benchmark> make_seed(const BenchmarkOptions& options) { return std::make_unique<Seed>(options); }

}  // namespace scalselect::eval
