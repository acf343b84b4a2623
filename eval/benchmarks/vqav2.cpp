// VQAv2: open questions about COCO pictures, ten references each.
#include <fmt/format.h>

#include <filesystem>
#include <unordered_map>

#include "core/error.h"
#include "eval/registry.h"
#include "eval/text.h"
#include "eval/vqa_benchmark.h"
#include "eval/vqa_prompts.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

class VqaV2 final : public OpenAnswer {
 public:
  explicit VqaV2(const BenchmarkOptions& options) : OpenAnswer(options, OpenAnswerKind::kVqa) {}

 protected:
  std::vector<std::string> annotation_files() const override {
    auto files = row_files(questions_file());
    if (const auto file = annotations_file(); !file.empty()) files.push_back(file.string());
    return files;
  }

  std::vector<Question> read(const std::string& image_cache) const override {
    const fs::path file = questions_file(), folder = file.parent_path();
    const std::string set = picture_set(file.filename().string());
    const RowPictures pictures(image_cache, image_folder(options_, {folder / set, folder.parent_path() / set}));
    const RowKeys keys = {
        {"question_id", "index"}, {"question", "text"}, {"answers", "answer"}, {"answer_type"}, {"split"}};
    auto questions =
        questions_of(file, {"questions"}, [&](const nlohmann::json& row, const std::string& where, Question& question) {
          open_question(row, keys, where, question);
          require_several_references(question, where);
          question.question = question_of_llava_text(question.question);
          const auto key = first_key(row, {"image", "image_path"});
          pictures.read(key.empty() ? nlohmann::json(picture_name(set, row, where)) : row[key], where, question);
          question.prompt = open_prompt(options_.style, OpenPrompt::kShort, question.question);
          return true;
        });
    add_annotations(questions);
    mark_unreferenced(questions);
    return questions;
  }

 private:
  fs::path questions_file() const {
    return find_file(options_.path,
                     {"v2_OpenEnded_mscoco_val2014_questions.json", "llava_vqav2_mscoco_test-dev2015.jsonl",
                      "v2_OpenEnded_mscoco_test-dev2015_questions.json"});
  }

  // Where the references of a file of questions are; empty: it has none, or they are in its own rows. Throws
  // UserError(kInput) if they should be there.
  fs::path annotations_file() const {
    const fs::path file = questions_file();
    const std::string name = file.filename().string();
    if (name.find("OpenEnded_") == std::string::npos || name.find("_test") != std::string::npos) return {};
    const std::string other = replace_all(replace_all(name, "OpenEnded_", ""), "_questions", "_annotations");
    if (fs::exists(file.parent_path() / other)) return file.parent_path() / other;
    throw UserError(ErrorKind::kInput,
                    fmt::format("{}: its reference answers, {}, are not beside it", file.string(), other),
                    "They come in an archive of their own (Annotations); only test sets have none.");
  }

  // "val2014" of a file's name; test-dev is a part of the pictures of test2015.
  static std::string picture_set(const std::string& name) {
    for (const char* set : {"train2014", "val2014"}) {
      if (name.find(set) != std::string::npos) return set;
    }
    return "test2015";
  }

  static std::string picture_name(const std::string& set, const nlohmann::json& row, const std::string& where) {
    const std::string id = text_of(row, {"image_id"}, where);
    return fmt::format("COCO_{}_{:0>12}.jpg", set, id);
  }

  void add_annotations(std::vector<Question>& questions) const {
    const fs::path file = annotations_file();
    if (file.empty()) return;
    std::unordered_map<std::string, std::size_t> place;
    for (std::size_t i = 0; i < questions.size(); ++i) place.emplace(questions[i].id, i);
    bool any = false;
    for_each_addition(file, {"annotations"}, [&](const nlohmann::json& row, const std::string& where) {
      const auto found = place.find(text_of(row, {"question_id"}, where));
      if (found == place.end()) return;
      any = true;
      take_annotation(row, where, questions[found->second]);
    });
    if (any || questions.empty()) return;
    throw UserError(
        ErrorKind::kInput,
        fmt::format("{}: holds no answers to question '{}', nor to any other", file.string(), questions.front().id),
        "Questions and annotations must be of the same set.");
  }

  static void take_annotation(const nlohmann::json& row, const std::string& where, Question& question) {
    try {
      question.answers = text_list(row, "answers", where);
      question.category = optional_text(row, {"answer_type"}, where);
      require_several_references(question, where);
    } catch (const UserError& error) {
      question.unusable = error.problem();
    }
  }
};

}  // namespace

/// VQAv2: a file of questions (v2_OpenEnded_mscoco_val2014_questions.json) with its annotations and the folder of COCO
/// pictures (val2014/) beside it; LLaVA's llava_vqav2_mscoco_test-dev2015.jsonl, which has no references; lmms-eval's
/// Parquet.
std::unique_ptr<Benchmark> make_vqav2(const BenchmarkOptions& options) { return std::make_unique<VqaV2>(options); }

}  // namespace scalselect::eval
