// ChartQA: questions about charts, written by people (human) and by a program (augmented).
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "eval/registry.h"
#include "eval/vqa_benchmark.h"
#include "eval/vqa_prompts.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;

const char* const kHalves[] = {"human", "augmented"};

// "test_human", "human_test", "human" -> "human".
std::string half_of(const std::string& split, const std::string& where) {
  for (const char* half : kHalves) {
    if (split.find(half) != std::string::npos) return half;
  }
  throw UserError(ErrorKind::kInput, fmt::format("{} has the split '{}'", where, split),
                  "Expected human or augmented.");
}

class ChartQa final : public OpenAnswer {
 public:
  explicit ChartQa(const BenchmarkOptions& options)
      : OpenAnswer(options, OpenAnswerKind::kRelaxed, "relaxed_accuracy") {}

 protected:
  std::vector<std::string> annotation_files() const override {
    if (!originals()) return row_files(path());
    return {file_of("human").string(), file_of("augmented").string()};
  }

  std::vector<Question> read(const std::string& image_cache) const override {
    std::vector<Question> questions;
    if (originals()) {
      for (const char* half : kHalves) read_half(half, questions);
    } else {
      const RowPictures pictures(image_cache, image_folder(options_, {}));
      const RowKeys keys = {{"question_id", "index"}, {"question"}, {"answer"}, {}, {"split", "type"}};
      std::size_t number = 0;
      questions =
          questions_of(path(), {}, [&](const nlohmann::json& given, const std::string& where, Question& question) {
            nlohmann::json row = given;
            if (first_key(row, keys.id).empty()) row["index"] = number;  // lmms-eval's Parquet has no ids
            ++number;
            return fill(row, keys, pictures, where, question);
          });
    }
    mark_unreferenced(questions);
    return questions;
  }

  // Overall, the halves, and their mean, which equals the overall value only if they are of one size.
  std::vector<MetricStats> metrics(std::span<const Question> questions, std::span<const Outcome> outcomes,
                                   std::span<const std::int32_t> clusters) const override {
    auto result = OpenAnswer::metrics(questions, outcomes, clusters);
    std::vector<MetricStats> halves;
    for (const auto& stats : result) {
      for (const char* half : kHalves) {
        if (stats.metric.name == fmt::format("split/{}", half)) halves.push_back(stats);
      }
    }
    if (halves.size() != 2) return result;
    MetricStats mean = halves[0];
    mean.metric.name = "mean_of_halves";
    mean.metric.display = display() + " (mean of halves)";
    mean.metric.chance = (halves[0].metric.chance + halves[1].metric.chance) / 2;
    mean.metric.majority = (halves[0].metric.majority + halves[1].metric.majority) / 2;
    mean.metric.questions += halves[1].metric.questions;
    mean.slots = halves[0].slots + halves[1].slots;
    for (auto entry : halves[1].entries) {
      entry.slot += halves[0].slots;
      mean.entries.push_back(entry);
    }
    std::stable_sort(mean.entries.begin(), mean.entries.end(),
                     [](const MetricStats::Entry& a, const MetricStats::Entry& b) { return a.cluster < b.cluster; });
    mean.formula = [first = halves[0].formula, second = halves[1].formula,
                    at = halves[0].slots](std::span<const double> sums) {
      const auto split = static_cast<std::size_t>(at);
      return (first(sums.subspan(0, split)) + second(sums.subspan(split))) / 2;
    };
    result.push_back(std::move(mean));
    return result;
  }

 private:
  fs::path path() const { return options_.path; }
  fs::path folder() const { return fs::is_directory(path() / "test") ? path() / "test" : path(); }
  fs::path file_of(const std::string& half) const { return folder() / ("test_" + half + ".json"); }
  bool originals() const { return fs::exists(file_of("human")) && fs::exists(file_of("augmented")); }

  void read_half(const std::string& half, std::vector<Question>& questions) const {
    const RowPictures pictures(std::string(), image_folder(options_, {folder() / "png"}));
    std::size_t number = 0;
    const RowKeys keys = {{"id"}, {"query"}, {"label"}, {}, {"split"}};
    auto rows =
        questions_of(file_of(half), {}, [&](const nlohmann::json& given, const std::string& where, Question& question) {
          nlohmann::json row = given;
          row["id"] = fmt::format("{}/{}", half, number++);
          row["split"] = half;
          row["image"] = text_of(row, {"imgname"}, where);
          return fill(row, keys, pictures, where, question);
        });
    std::move(rows.begin(), rows.end(), std::back_inserter(questions));
  }

  bool fill(const nlohmann::json& row, const RowKeys& keys, const RowPictures& pictures, const std::string& where,
            Question& question) const {
    open_question(row, keys, where, question);
    for (auto& split : question.splits) split = half_of(split, where);
    pictures.read(row.value(first_key(row, {"image", "image_path"}), nlohmann::json()), where, question);
    question.prompt = open_prompt(options_.style, OpenPrompt::kChartQa, question.question);
    return true;
  }
};

}  // namespace

/// ChartQA's test set: the folder with test/test_human.json, test/test_augmented.json and test/png/; VLMEvalKit's TSV;
/// lmms-eval's Parquet.
std::unique_ptr<Benchmark> make_chartqa(const BenchmarkOptions& options) { return std::make_unique<ChartQa>(options); }

}  // namespace scalselect::eval
