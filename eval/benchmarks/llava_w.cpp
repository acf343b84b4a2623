// LLaVA-Bench (in the wild): long answers, which the benchmark has another model judge. They are collected here.
#include <filesystem>

#include "eval/registry.h"
#include "eval/text.h"
#include "eval/vqa_benchmark.h"
#include "eval/vqa_prompts.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

class LlavaWild final : public Benchmark {
 public:
  using Benchmark::Benchmark;

  std::vector<Matcher> matchers() const override { return {}; }
  Parsed parse(const Question&, const std::string& raw) const override {
    return {raw, strip(raw).empty() ? "none" : "collected"};
  }
  double score(const Question&, const Parsed&) const override { return 0; }
  bool references_optional() const override { return true; }

 protected:
  std::vector<std::string> annotation_files() const override { return row_files(questions_file()); }
  std::vector<std::string> default_columns() const override { return {}; }
  std::vector<MetricStats> metrics(std::span<const Question>, std::span<const Outcome>,
                                   std::span<const std::int32_t>) const override {
    return {};
  }

  std::vector<Question> read(const std::string& image_cache) const override {
    const fs::path file = questions_file();
    const RowPictures pictures(image_cache, image_folder(options_, {file.parent_path() / "images"}));
    const RowKeys keys = {{"question_id"}, {"text", "question"}, {}, {"category"}, {}};
    auto questions =
        questions_of(file, {}, [&](const nlohmann::json& row, const std::string& where, Question& question) {
          open_question(row, keys, where, question);
          pictures.read(row.value("image", nlohmann::json()), where, question);
          question.prompt = open_prompt(options_.style, OpenPrompt::kBare, question.question);
          return true;
        });
    return questions;
  }

 private:
  fs::path questions_file() const { return find_file(options_.path, {"questions.jsonl"}); }
};

}  // namespace

/// LLaVA-Bench (in the wild): the folder with questions.jsonl and images/; lmms-eval's Parquet. Answers only.
std::unique_ptr<Benchmark> make_llava_w(const BenchmarkOptions& options) {
  return std::make_unique<LlavaWild>(options);
}

}  // namespace scalselect::eval
