#include "experiments/runs/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "data/image.h"
#include "experiments/runs/warnings.h"
#include "trainer/options.h"

namespace scalselect::pipeline {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

std::vector<std::string> left_out(const nlohmann::json& options, const nlohmann::json& identity) {
  std::vector<std::string> names;
  for (const auto& [key, value] : options.items()) {
    if (!identity.contains(key)) names.push_back(key);
    else EXPECT_EQ(identity[key], value) << key;
  }
  EXPECT_EQ(identity.size() + names.size(), options.size());
  return names;
}

TEST(Keys, EveryTrainingOptionCountsButTheNamedOnes) {
  trainer::TrainOptions quantised;
  quantised.quantization = trainer::Quantization::kNf4;
  const auto options = nlohmann::json(dump_options(quantised));
  EXPECT_THAT(left_out(options, training_identity(options)), UnorderedElementsAreArray(trainer::kWithoutEffect));
}

/// An adapter that was trained before there was the option has the key that it had.
TEST(Keys, QuantizationCountsWhereThereIsOne) {
  const auto options = nlohmann::json(dump_options(trainer::TrainOptions{}));
  EXPECT_FALSE(training_identity(options).contains("quantization"));
  EXPECT_EQ(training_identity(options).size() + trainer::kWithoutEffect.size() + 1, options.size());
}

TEST(Keys, EveryBenchmarkOptionCountsButPlacesAndWhatScoresDecide) {
  const auto options = nlohmann::json(dump_options(eval::BenchmarkOptions{}));
  EXPECT_THAT(left_out(options, answering_identity(options)),
              UnorderedElementsAre("path", "images", "skills", "display", "columns", "matcher", "custom", "ocr_tokens",
                                   "max_new_tokens"))  // which stands in the key by its value, whoever sets it
      << options;
}

TEST(Keys, OptionsOfOneKindCountForThatKind) {
  eval::BenchmarkOptions options;
  options.kind = "custom";
  EXPECT_TRUE(answering_identity(dump_options(options)).contains("custom"));
  options.ocr_tokens = false;
  EXPECT_TRUE(answering_identity(dump_options(options)).contains("ocr_tokens"));
}

/// A POPE benchmark of two questions.
class BenchmarkKeys : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    picture("a.png", "first");
    picture("b.png", "second");
    questions("Is there a dog?");
  }
  /// A pixel whose red is the first letter of `colour`.
  void picture(const std::string& name, const std::string& colour) const {
    write_file_atomically(folder_ / "pope" / "images" / name,
                          encode_png({1, 1, {static_cast<std::uint8_t>(colour[0]), 0, 0}}));
  }
  void questions(const std::string& text) const {
    write_file_atomically(folder_ / "pope" / "coco_pope_random.json",
                          R"({"question_id": 1, "image": "a.png", "text": ")" + text + R"(", "label": "yes"}
{"question_id": 2, "image": "b.png", "text": "Is there a cat?", "label": "no"}
)");
  }
  eval::BenchmarkOptions options() const {
    eval::BenchmarkOptions options;
    options.kind = options.name = "pope";
    options.path = (folder_ / "pope").string();
    return options;
  }
  BenchmarkDigests digests() const { return {folder_ / "cache", FileDigests(folder_ / "digests")}; }
  nlohmann::json inputs() const { return digests().inputs(options()); }
  fs::path folder_ = fs::temp_directory_path() / "benchmark_keys";
};

TEST_F(BenchmarkKeys, TheSameContentGivesTheSameInputsWhereverItLies) {
  const auto before = inputs();
  fs::copy(folder_ / "pope", folder_ / "moved", fs::copy_options::recursive);
  auto moved = options();
  moved.path = (folder_ / "moved").string();
  EXPECT_EQ(before, digests().inputs(moved));
}

TEST_F(BenchmarkKeys, AReplacedPictureOfEqualSizeIsAnotherInput) {
  const auto before = inputs();
  picture("b.png", "SECOND");
  EXPECT_NE(before, inputs());
  picture("b.png", "second");
  EXPECT_EQ(before, inputs());
}

TEST_F(BenchmarkKeys, QuestionsAndSkillsAreInputs) {
  const auto plain = inputs();
  const auto skills = [&](const std::string& second) {
    const auto lines = R"({"id": "random/1", "skill": "exist"})"
                       "\n"
                       R"({"id": "random/2", "skill": ")" +
                       second + "\"}\n";
    write_file_atomically(folder_ / "pope" / "skills.jsonl", lines);
    return inputs();
  };
  const auto tagged = skills("exist"), other = skills("count");
  EXPECT_NE(plain, tagged);
  EXPECT_NE(tagged, other);
  fs::remove(folder_ / "pope" / "skills.jsonl");
  EXPECT_EQ(plain, inputs());
  questions("Is there a bird?");
  EXPECT_NE(plain, inputs());
}

TEST_F(BenchmarkKeys, AMissingPictureIsToldOfBeforeAnythingRuns) {
  const auto whole = inputs();
  fs::remove(folder_ / "pope" / "images" / "b.png");
  Warnings heard;
  EXPECT_NE(inputs(), whole);
  EXPECT_THAT(heard.take(), ::testing::Contains(HasSubstr("b.png is missing")));
}

}  // namespace
}  // namespace scalselect::pipeline
