// TextVQA: questions about text in pictures, ten references each.
#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "core/error.h"
#include "eval/json_files.h"
#include "eval/registry.h"
#include "eval/text.h"
#include "eval/vqa_benchmark.h"
#include "eval/vqa_prompts.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

const char* const kLlavaFile = "llava_textvqa_val_v051_ocr.jsonl";
const char* const kTokenFile = "TextVQA_Rosetta_OCR_v0.2_val.json";

class TextVqa final : public OpenAnswer {
 public:
  explicit TextVqa(const BenchmarkOptions& options) : OpenAnswer(options, OpenAnswerKind::kTextVqa) {}

 protected:
  std::vector<std::string> annotation_files() const override {
    auto files = row_files(questions_file());
    const fs::path folder = questions_file().parent_path();
    for (const char* name : {kLlavaFile, kTokenFile}) {
      if (!with_tokens() || !fs::exists(folder / name)) continue;
      files.push_back((folder / name).string());
      break;
    }
    return files;
  }

  std::vector<Question> read(const std::string& image_cache) const override {
    const fs::path file = questions_file(), folder = file.parent_path();
    const RowPictures pictures(image_cache, image_folder(options_, {folder / "train_images", folder / "images"}));
    const Tokens tokens = read_tokens(folder);
    const RowKeys keys = {{"question_id", "index"}, {"question"}, {"answers", "answer"}, {"category"}, {"split"}};
    auto questions =
        questions_of(file, {"data"}, [&](const nlohmann::json& row, const std::string& where, Question& question) {
          open_question(row, keys, where, question);
          require_several_references(question, where);
          const std::string image = optional_text(row, {"image_id"}, where);
          const auto key = first_key(row, {"image", "image_path"});
          pictures.read(key.empty() ? nlohmann::json(text_of(row, {"image_id"}, where) + ".jpg") : row[key], where,
                        question);
          if (!image.empty()) question.cluster = image;
          question.prompt = prompt_of(question, row, image, tokens, where);
          return true;
        });
    mark_unreferenced(questions);
    return questions;
  }

 private:
  struct Tokens {
    std::map<std::pair<std::string, std::string>, std::string> texts;  // LLaVA's, by picture and question
    std::map<std::string, std::vector<std::string>> of_image;
  };

  fs::path questions_file() const { return find_file(options_.path, {"TextVQA_0.5.1_val.json", "TextVQA_VAL.tsv"}); }

  bool with_tokens() const { return options_.ocr_tokens.value_or(options_.style == PromptStyle::kLlava); }

  Tokens read_tokens(const fs::path& folder) const {
    Tokens tokens;
    if (!with_tokens()) return tokens;
    if (const fs::path file = folder / kLlavaFile; fs::exists(file)) {
      for_each_addition(file, {}, [&](const nlohmann::json& row, const std::string& where) {
        const std::string text = text_of(row, {"text"}, where);
        tokens.texts[{text_of(row, {"question_id"}, where), lower(question_of_llava_text(text))}] = text;
      });
    } else if (const fs::path list = folder / kTokenFile; fs::exists(list)) {
      for_each_addition(list, {"data"}, [&](const nlohmann::json& row, const std::string& where) {
        tokens.of_image[text_of(row, {"image_id"}, where)] = text_list(row, "ocr_tokens", where);
      });
    }
    return tokens;
  }

  std::string prompt_of(const Question& question, const nlohmann::json& row, const std::string& image,
                        const Tokens& tokens, const std::string& where) const {
    const auto ask = [&](const std::vector<std::string>* words) {
      return open_prompt(options_.style, OpenPrompt::kTextVqa, question.question, words);
    };
    if (!with_tokens()) return ask(nullptr);
    if (has_json(row, "ocr_tokens")) {
      const auto words = text_list(row, "ocr_tokens", where);
      return ask(&words);
    }
    if (const auto found = tokens.of_image.find(image); found != tokens.of_image.end()) return ask(&found->second);
    const auto text = tokens.texts.find({image, lower(question.question)});
    if (text == tokens.texts.end()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{}: there are no OCR tokens for question '{}'", where, question.id),
                      fmt::format("Put {} or {} beside the questions, or set `ocr_tokens` to false: the score is then "
                                  "about 12 points lower and not LLaVA's.",
                                  kLlavaFile, kTokenFile));
    }
    if (options_.style == PromptStyle::kLlava) return text->second;
    throw UserError(ErrorKind::kUsage,
                    fmt::format("{} holds whole prompts of LLaVA's style, but another style is asked for", kLlavaFile),
                    fmt::format("Take the tokens from {}, or set `style` to llava.", kTokenFile));
  }
};

}  // namespace

/// TextVQA's validation set: TextVQA_0.5.1_val.json, or its folder, with train_images/ and one of the files of OCR
/// tokens beside it; VLMEvalKit's TSV; lmms-eval's Parquet.
std::unique_ptr<Benchmark> make_textvqa(const BenchmarkOptions& options) { return std::make_unique<TextVqa>(options); }

}  // namespace scalselect::eval
