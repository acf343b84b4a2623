#include "eval/matching.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "eval/json_files.h"
#include "eval/text.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using nlohmann::json;

std::vector<Option> options_of(const json& row) {
  std::vector<Option> options;
  for (const auto& option : row.at("options")) options.push_back({option.at(0), option.at(1)});
  return options;
}

void check_options(const std::string& file) {
  for_each_json_line(testing::golden(file), [](const json& row, const std::string& where) {
    const auto options = options_of(row);
    const std::string response = row.at("response");
    const std::pair<const char*, OptionRules> versions[] = {
        {"vk-2024", OptionRules::kVk2024}, {"vk-2025", OptionRules::kVk2025}, {"vk-2026", OptionRules::kVk2026}};
    for (const auto& [name, rules] : versions) {
      EXPECT_EQ(infer_option(response, options, rules).value, row.at(name).get<std::string>())
          << where << ", " << name << ": " << row.dump();
    }
  });
}

TEST(InferOption, ConformanceTable) { check_options("conformance_options.jsonl"); }
TEST(InferOption, AgreesWithVlmEvalKitsOwnFunction) { check_options("vlmevalkit_options.jsonl"); }

TEST(InferOption, SaysWhichRuleDecided) {
  const std::vector<Option> options = {{"A", "teddy bear"}, {"B", "rabbit"}};
  EXPECT_EQ(infer_option("B", options, OptionRules::kVk2026), (Parsed{"B", "option"}));
  EXPECT_EQ(infer_option("a rabbit", options, OptionRules::kVk2026), (Parsed{"B", "text"}));
  EXPECT_EQ(infer_option("the answer is blue or so, A B", options, OptionRules::kVk2026), (Parsed{"B", "regex"}));
  EXPECT_EQ(infer_option("Cannot determine the answer", options, OptionRules::kVk2026), (Parsed{"Z", "refusal"}));
  EXPECT_EQ(infer_option("no idea", options, OptionRules::kVk2026), (Parsed{"", "none"}));
}

TEST(ScienceQaOption, ConformanceTable) {
  for_each_json_line(testing::golden("conformance_scienceqa.jsonl"), [](const json& row, const std::string& where) {
    EXPECT_EQ(scienceqa_option(row.at("response"), options_of(row)).value, row.at("answer").get<std::string>())
        << where;
  });
}

TEST(StrictOption, ReadsLettersAndTextsButNothingInsideWords) {
  const std::vector<Option> options = {{"A", "teddy bear"}, {"B", "rabbit"}, {"C", "cat"}};
  for (const char* text : {"B", "b", "B.", "(B)", "\"B\"", "<B>", "（B）", "B。", "B. rabbit", "b) rabbit", "Rabbit.",
                           "The answer is B", "Answer: b.", "答案是B", "答案：B"}) {
    EXPECT_EQ(strict_option(text, options).value, "B") << text;
  }
  for (const char* text : {"", "D", "The answer is blue", "a rabbit and a cat", "A cat", "Both A and B", "nothing"}) {
    EXPECT_EQ(strict_option(text, options).value, "") << text;
  }
}

TEST(YesNo, ConformanceTable) {
  for_each_json_line(testing::golden("conformance_yes_no.jsonl"), [](const json& row, const std::string& where) {
    const std::string response = row.at("response");
    EXPECT_EQ(vk_yes_no(response).value, row.at("vk").get<std::string>()) << where << response;
    EXPECT_EQ(pope_yes_no(response).value, row.at("pope").get<std::string>()) << where << response;
    EXPECT_EQ(mme_yes_no(response).value, row.at("mme").get<std::string>()) << where << response;
  });
}

TEST(YesNo, AgreesWithVlmEvalKitsOwnFunction) {
  for_each_json_line(testing::golden("vlmevalkit_yes_no.jsonl"), [](const json& row, const std::string& where) {
    const std::string response = row.at("response");
    EXPECT_EQ(vqa_punctuation(lower(response)), row.at("punctuation").get<std::string>()) << where;
    EXPECT_EQ(vk_yes_no(response).value, row.at("answer").get<std::string>()) << where << response;
  });
}

TEST(YesNo, StrictReadsTheFirstWord) {
  EXPECT_EQ(strict_yes_no("Yes, it is").value, "yes");
  EXPECT_EQ(strict_yes_no("**NO**.").value, "no");
  EXPECT_EQ(strict_yes_no("Not visible").value, "");
  EXPECT_EQ(strict_yes_no("").value, "");
}

TEST(OcrBenchMatch, FindsAnswersInsideResponses) {
  EXPECT_EQ(ocrbench_match("The formula is y_2=-1", {"y_2 = - 1"}, true).value, "y_2 = - 1");
  EXPECT_EQ(ocrbench_match("\"centre\" written in white", {"CENTRE"}, false).value, "CENTRE");
  EXPECT_EQ(ocrbench_match("a\nb", {"x", "A B"}, false).value, "A B");
  EXPECT_NE(ocrbench_match("Y", {"y"}, true).value, "y") << "formulas keep their case";
}

TEST(Text, FollowsPython) {
  EXPECT_EQ(lower("ÀÉ İ Σ"), "àé i̇ σ");
  EXPECT_EQ(split_words("a\u3000b\u00a0 c\td"), (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(strip("\u3000 x y \n"), "x y");
  EXPECT_EQ(length("泰迪熊x"), 4u);
  EXPECT_TRUE(has_han("is it 猫?"));
  EXPECT_FALSE(has_han("é。"));
}

}  // namespace
}  // namespace scalselect::eval
