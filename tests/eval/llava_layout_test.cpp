// LLaVA's evaluation folders (playground/data/eval): its own question files beside the benchmarks'.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/registry.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

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

}  // namespace
}  // namespace scalselect::eval
