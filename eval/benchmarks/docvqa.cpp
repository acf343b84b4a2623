// DocVQA: questions about scanned documents.
#include <filesystem>

#include "eval/registry.h"
#include "eval/vqa_benchmark.h"
#include "eval/vqa_prompts.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

class DocVqa final : public OpenAnswer {
 public:
  explicit DocVqa(const BenchmarkOptions& options) : OpenAnswer(options, OpenAnswerKind::kAnls, "anls") {}

 protected:
  std::vector<std::string> annotation_files() const override { return row_files(questions_file()); }

  std::vector<Question> read(const std::string& image_cache) const override {
    const fs::path file = questions_file(), folder = file.parent_path();
    const fs::path renamed = folder.parent_path() / "spdocvqa_images";
    const RowPictures pictures(image_cache, image_folder(options_, {renamed, folder / "spdocvqa_images"}));
    const RowKeys keys = {{"questionId", "question_id", "index"}, {"question"}, {"answers", "answer"}, {}, {}};
    auto questions =
        questions_of(file, {"data"}, [&](const nlohmann::json& row, const std::string& where, Question& question) {
          open_question(row, keys, where, question);
          question.splits = text_list(row, "question_types", where);  // several are possible
          auto image = row.value(first_key(row, {"image", "image_path"}), nlohmann::json());
          // The first release keeps its pictures in documents/, which later ones renamed without touching the
          // questions.
          const std::string prefix = "documents/";
          if (image.is_string() && image.get<std::string>().starts_with(prefix) &&
              !fs::is_directory(folder / "documents") &&
              (options_.images.empty() || !fs::is_directory(fs::path(options_.images) / "documents"))) {
            image = image.get<std::string>().substr(prefix.size());
          }
          pictures.read(image, where, question);
          question.prompt = open_prompt(options_.style, OpenPrompt::kShort, question.question);
          return true;
        });
    mark_unreferenced(questions);
    return questions;
  }

 private:
  fs::path questions_file() const {
    return find_file(options_.path, {"val_v1.0_withQT.json", "val_v1.0.json", "spdocvqa_qas/val_v1.0_withQT.json",
                                     "val/val_v1.0.json", "DocVQA_VAL.tsv"});
  }
};

}  // namespace

/// DocVQA: val_v1.0_withQT.json (or val_v1.0.json; test files have no references) with documents/ beside it or
/// spdocvqa_images/ beside its folder; VLMEvalKit's TSV; lmms-eval's Parquet.
std::unique_ptr<Benchmark> make_docvqa(const BenchmarkOptions& options) { return std::make_unique<DocVqa>(options); }

}  // namespace scalselect::eval
