// VizWiz: questions that blind people asked about pictures they took, ten references each.
#include <filesystem>

#include "eval/registry.h"
#include "eval/vqa_benchmark.h"
#include "eval/vqa_prompts.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

class VizWiz final : public OpenAnswer {
 public:
  explicit VizWiz(const BenchmarkOptions& options) : OpenAnswer(options, OpenAnswerKind::kTextVqa) {}

 protected:
  std::vector<std::string> annotation_files() const override { return row_files(questions_file()); }

  std::vector<Question> read(const std::string& image_cache) const override {
    const fs::path file = questions_file(), folder = file.parent_path();
    const std::string set = file.filename().string().find("test") == std::string::npos ? "val" : "test";
    const RowPictures pictures(image_cache, image_folder(options_, {folder / set, folder.parent_path() / set}));
    // The original files have no ids; a picture has one question.
    const RowKeys keys = {{"question_id", "index", "image"},
                          {"question", "text"},
                          {"answers", "answer"},
                          {"answer_type", "category"},
                          {"split"}};
    auto questions =
        questions_of(file, {}, [&](const nlohmann::json& row, const std::string& where, Question& question) {
          open_question(row, keys, where, question);
          require_several_references(question, where);
          question.question = question_of_llava_text(question.question);
          if (question.answers.empty()) question.category.clear();  // LLaVA's file has "default"
          pictures.read(row.value(first_key(row, {"image", "image_path"}), nlohmann::json()), where, question);
          question.prompt = open_prompt(options_.style, OpenPrompt::kVizWiz, question.question);
          return true;
        });
    mark_unreferenced(questions);
    return questions;
  }

 private:
  fs::path questions_file() const {
    return find_file(options_.path,
                     {"val.json", "Annotations/val.json", "VizWiz.tsv", "llava_test.jsonl", "test.json"});
  }
};

}  // namespace

/// VizWiz: val.json (or test.json, which has no references) with val/ or test/ beside it or above it; LLaVA's
/// llava_test.jsonl; VLMEvalKit's TSV; lmms-eval's Parquet.
std::unique_ptr<Benchmark> make_vizwiz(const BenchmarkOptions& options) { return std::make_unique<VizWiz>(options); }

}  // namespace scalselect::eval
