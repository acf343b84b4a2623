// LLaVA's evaluation folders (playground/data/eval): its own question files beside the benchmarks'.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/registry.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::fake_png;
using ::testing::HasSubstr;

const std::string kWord = "\\nAnswer the question using a single word or phrase.";

class LlavaLayout : public ::testing::Test {
 protected:
  Loaded load(const std::string& kind, PromptStyle style = PromptStyle::kLlava) const {
    BenchmarkOptions options;
    options.kind = kind;
    options.path = (folder_ / kind).string();
    options.style = style;
    return make_benchmark(options)->load_usable("");
  }
  // Questions of split random, the texts as they stand in the label file and in LLaVA's.
  void write_pope(const std::vector<std::string>& labels, const std::vector<std::string>& asked) const {
    std::string label_lines, asked_lines;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      label_lines +=
          fmt::format(R"({{"question_id": {}, "image": "x.png", "text": "{}", "label": "no"}})", i + 1, labels[i]);
      label_lines += "\n";
    }
    for (std::size_t i = 0; i < asked.size(); ++i) {
      asked_lines += fmt::format(R"({{"question_id": {}, "image": "x.png", "text": "{}", "category": "random"}})",
                                 i + 6000, asked[i] + kWord);
      asked_lines += "\n";
    }
    folder_.write("pope/val2014/x.png", fake_png(1));
    folder_.write("pope/coco/coco_pope_random.json", label_lines);
    folder_.write("pope/llava_pope_test.jsonl", asked_lines);
  }

  testing::TempFolder folder_;
};

TEST_F(LlavaLayout, PopePairsByPosition) {
  write_pope({"Dog?", "Cat?"}, {"Dog?", "Cat?"});
  const auto loaded = load("pope");
  ASSERT_EQ(loaded.questions.size(), 2u);
  EXPECT_EQ(loaded.questions[1].id, "random/2");
  EXPECT_EQ(loaded.questions[1].prompt, "Cat?\nAnswer the question using a single word or phrase.");
  EXPECT_EQ(load("pope", PromptStyle::kVlmEvalKit).questions[1].prompt, "Cat?");
}

TEST_F(LlavaLayout, PopeNoticesAnotherRevision) {
  write_pope({"Dog?", "Cat?"}, {"Dog?", "Cow?"});
  EXPECT_THAT(load("pope").unusable.at(0).reason, HasSubstr("asks another question at this place"));
  write_pope({"Dog?", "Cat?", "Cow?"}, {"Dog?", "Cow?"});
  EXPECT_THAT(message_of([&] { load("pope"); }), HasSubstr("asks 2 random questions, and the labels are 3"));
}

TEST_F(LlavaLayout, MmeFindsItsQuestionsByImageAndText) {
  const std::string release = "mme/MME_Benchmark_release_version/count/";
  folder_.write(release + "1.png", fake_png(1));
  folder_.write(release + "1.txt", "One? Please answer yes or no.\tYes\nTwo?  Please answer yes or no.\tNo\n");
  folder_.write("mme/llava_mme.jsonl",
                R"({"question_id": "count/1.png", "image": "count/1.png", "text": "Two?)" + kWord + "\"}\n" +
                    R"({"question_id": "count/1.png", "image": "count/1.png", "text": "One?)" + kWord + "\"}\n");
  const auto loaded = load("mme");
  ASSERT_EQ(loaded.questions.size(), 2u);
  EXPECT_EQ(loaded.questions[1].answers[0], "no");
  EXPECT_EQ(loaded.questions[1].prompt, "Two?\nAnswer the question using a single word or phrase.");
  folder_.write("mme/llava_mme.jsonl", R"({"question_id": "count/1.png", "text": "One?)" + kWord + "\"}\n");
  EXPECT_THAT(message_of([&] { load("mme"); }), HasSubstr("llava_mme.jsonl does not ask it"));
}

TEST_F(LlavaLayout, ScienceQaAsksTheListsTexts) {
  folder_.write("scienceqa/problems.json", R"({"4": {"question": "Which?", "choices": ["x", "y"], "answer": 1,
      "hint": "See.", "image": "image.png"}, "5": {"question": "?", "choices": ["x"], "answer": 0, "image": null}})");
  folder_.write("scienceqa/images/test/4/image.png", fake_png(1));
  folder_.write("scienceqa/llava_test_CQM-A.json", R"([{"id": "5", "conversations": []},
      {"id": "4", "image": "4/image.png", "conversations": [{"from": "human",
       "value": "<image>\nContext: See it.\nWhich?\nA. x\nB. y"}, {"from": "gpt", "value": "The answer is B."}]}])");
  const auto loaded = load("scienceqa");
  ASSERT_EQ(loaded.questions.size(), 1u);
  EXPECT_EQ(loaded.questions[0].prompt,
            "Context: See it.\nWhich?\nA. x\nB. y\nAnswer with the option's letter from the given choices directly.");
  EXPECT_EQ(loaded.questions[0].answers[0], "B");
  EXPECT_EQ(load("scienceqa", PromptStyle::kVlmEvalKit).questions[0].prompt,
            "See.\nWhich?\nA. x\nB. y\nAnswer with the option's letter from the given choices directly.");
  BenchmarkOptions full;
  full.kind = "scienceqa_full";
  full.path = (folder_ / "scienceqa").string();
  const auto all = make_benchmark(full)->load("");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].id, "5");
  EXPECT_TRUE(all[0].images.empty());
  EXPECT_EQ(all[1].prompt, loaded.questions[0].prompt);
}

std::vector<std::string> reasons(const Loaded& loaded) {
  std::vector<std::string> all;
  for (const auto& question : loaded.unusable) all.push_back(question.reason);
  return all;
}

/// What cannot be read costs the questions that it asks; the pictures of `2.png` show that the others are there.
TEST_F(LlavaLayout, ABadLineOfMmeCostsItsPair) {
  for (const char* image : {"1", "2"}) {
    folder_.write(std::string("mme/count/") + image + ".png", fake_png(*image));
    folder_.write(std::string("mme/count/") + image + ".txt",
                  "One? Please answer yes or no.\tYes\nTwo? Please answer yes or no.\tNo\n");
  }
  const auto line = [](const std::string& image, const std::string& text) {
    return R"({"question_id": "count/)" + image + R"(.png", "text": ")" + text + kWord + "\"}\n";
  };
  for (const std::string bad : {"{\"question_id\": \"count/1.png\"}\n", "[7]\n", "{\"question_id\"\n"}) {
    folder_.write("mme/llava_mme.jsonl", line("1", "One?") + bad + line("2", "One?") + line("2", "Two?"));
    const auto loaded = load("mme");
    EXPECT_EQ(loaded.questions.size(), 2u) << bad;
    EXPECT_THAT(reasons(loaded), Contains(AllOf(HasSubstr("does not ask it ("), HasSubstr("line 2")))) << bad;
  }
}

TEST_F(LlavaLayout, ABadElementOfScienceQaIsOneQuestion) {
  folder_.write("scienceqa/problems.json",
                R"({"4": {"question": "Which?", "choices": ["x", "y"], "answer": 1, "image": "image.png"},
      "6": {"question": "Which?", "choices": 5, "answer": 1, "image": "image.png"}})");
  folder_.write("scienceqa/images/test/4/image.png", fake_png(1));
  const std::string good = R"({"id": "4", "image": "4/image.png", "conversations": []})";
  folder_.write("scienceqa/llava_test_CQM-A.json",
                "[7, {\"image\": \"x\"}, {\"id\": \"5\", \"image\": \"x\"}, " + good + "]");
  EXPECT_THAT(reasons(load("scienceqa")),
              ElementsAre(HasSubstr("element 0 has no 'id'"), HasSubstr("element 1 has no 'id'"),
                          HasSubstr("(question '5') is not in")));
  std::filesystem::remove(folder_ / "scienceqa/llava_test_CQM-A.json");
  folder_.write("scienceqa/pid_splits.json", R"({"test": ["6", "5", "4"]})");
  const auto loaded = load("scienceqa");
  EXPECT_EQ(loaded.questions.size(), 1u);
  EXPECT_THAT(reasons(loaded),
              ElementsAre(HasSubstr("problem '6'"), HasSubstr("problem '5' of the test split is not in")));
}

TEST_F(LlavaLayout, ABadLineOfPopesLabelsIsOneQuestion) {
  write_pope({"Dog?", "Cat?", "Cow?"}, {"Dog?", "Cat?", "Cow?"});
  const auto file = folder_ / "pope/coco/coco_pope_random.json";
  const auto whole = read_file(file);
  const auto second = whole.find('\n') + 1;
  const auto end = whole.find('\n', second);
  write_file_atomically(file, whole.substr(0, second) + "not JSON" + whole.substr(end));
  const auto loaded = load("pope");
  EXPECT_EQ(loaded.questions.size(), 2u);
  ASSERT_EQ(loaded.unusable.size(), 1u);
  EXPECT_EQ(loaded.unusable[0].id, "random/row 1");
  EXPECT_THAT(loaded.unusable[0].reason, HasSubstr("line 2 is not a JSON object"));
  write_file_atomically(file, "[{}]\n");
  EXPECT_THAT(message_of([&] { load("pope"); }), HasSubstr("line 1 is not a JSON object"));
}

}  // namespace
}  // namespace scalselect::eval
