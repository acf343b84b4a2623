// GQA: compositional questions with one short answer.
#include <filesystem>
#include <map>

#include "core/error.h"
#include "eval/registry.h"
#include "eval/vqa_benchmark.h"
#include "eval/vqa_prompts.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

const char* const kQuestions = "testdev_balanced_questions.json";

class Gqa final : public OpenAnswer {
 public:
  explicit Gqa(const BenchmarkOptions& options) : OpenAnswer(options, OpenAnswerKind::kExact) {}

 protected:
  std::vector<std::string> annotation_files() const override { return row_files(questions_file()); }

  std::vector<Question> read(const std::string& image_cache) const override {
    const fs::path file = questions_file(), folder = file.parent_path();
    const bool packed = !options_.images.empty() && packed_images(options_.images);
    const fs::path root =
        packed ? fs::path() : image_folder(options_, {folder / "images", folder.parent_path() / "images"});
    const RowPictures pictures(image_cache, root);
    const std::map<std::string, Question> by_id = packed ? read_images(pictures) : std::map<std::string, Question>();
    const RowKeys keys = {{"id", "question_id", "index"}, {"question"}, {"answer"}, {}, {"split"}};
    auto questions =
        questions_of(file, {}, [&](const nlohmann::json& row, const std::string& where, Question& question) {
          open_question(row, keys, where, question);
          if (packed) {
            const std::string id = text_of(row, {"imageId"}, where);
            const auto found = by_id.find(id);
            if (found == by_id.end()) {
              throw UserError(ErrorKind::kInput, where + ": image '" + id + "' is not in " + options_.images,
                              "Set `images` to the Parquet files of the same split.");
            }
            if (!found->second.unusable.empty()) throw UserError(ErrorKind::kInput, found->second.unusable);
            question.images = found->second.images;
            question.image_names = found->second.image_names;
            question.cluster = found->second.cluster;
          } else {
            const auto key = first_key(row, {"image", "image_path"});
            pictures.read(key.empty() ? nlohmann::json(text_of(row, {"imageId"}, where) + ".jpg") : row[key], where,
                          question);
          }
          if (row.contains("types") && row["types"].is_object()) {
            question.category = optional_text(row["types"], {"structural"}, where);
            // The official evaluation calls queries open and all other structures binary.
            if (!question.category.empty()) question.splits = {question.category == "query" ? "open" : "binary"};
          }
          question.prompt = open_prompt(options_.style, OpenPrompt::kShort, question.question);
          return true;
        });
    mark_unreferenced(questions);
    return questions;
  }

 private:
  fs::path questions_file() const {
    const std::string name = kQuestions;
    return find_file(options_.path, {name, "questions1.2/" + name, "data/" + name, "data/questions1.2/" + name,
                                     "GQA_TestDev_Balanced.tsv"});
  }

  // Whether the pictures lie in Parquet files of their own, as lmms-eval keeps them.
  static bool packed_images(const fs::path& path) {
    if (!fs::is_directory(path)) return true;
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().extension() == ".parquet") return true;
    }
    return false;
  }

  std::map<std::string, Question> read_images(const RowPictures& pictures) const {
    std::map<std::string, Question> images;
    auto rows =
        questions_of(options_.images, {}, [&](const nlohmann::json& row, const std::string& where, Question& image) {
          image.id = text_of(row, {"id"}, where);
          pictures.read(row.value("image", nlohmann::json()), where, image);
          return true;
        });
    for (auto& image : rows) images.emplace(image.id, std::move(image));
    return images;
  }
};

}  // namespace

/// GQA, the balanced testdev set: testdev_balanced_questions.json with images/ beside it or above it, or LLaVA's folder
/// `gqa`; VLMEvalKit's TSV; lmms-eval's Parquet, with `images` naming the Parquet files of pictures.
std::unique_ptr<Benchmark> make_gqa(const BenchmarkOptions& options) { return std::make_unique<Gqa>(options); }

}  // namespace scalselect::eval
