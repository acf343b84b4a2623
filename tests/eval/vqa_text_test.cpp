#include "eval/vqa_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "eval/vqa_scores.h"

namespace scalselect::eval {
namespace {

TEST(VqaText, DialectsDifferWhereTheirSourcesDo) {
  EXPECT_EQ(mmf_answer("The Dog's"), "dog 's");
  EXPECT_EQ(vqa_answer("The Dog's", VqaDialect::kVk), "dog's");
  EXPECT_EQ(mmf_answer("5."), "5");
  EXPECT_EQ(vqa_answer("5.", VqaDialect::kOfficial), "5");
  EXPECT_EQ(vqa_answer("5.", VqaDialect::kVk), "5.");
  EXPECT_EQ(vqa_answer("1,,0;a", VqaDialect::kMmf), "10a") << "several commas between digits count";
  EXPECT_EQ(vqa_answer("1,,0;a", VqaDialect::kOfficial), "1 0");
}

TEST(VqaText, NumbersArticlesContractionsAndMarks) {
  EXPECT_EQ(vqa_answer("$1,000.50", VqaDialect::kOfficial), "$1000.50");
  EXPECT_EQ(vqa_answer("a-b", VqaDialect::kOfficial), "b") << "the mark becomes a blank, and \"a\" an article";
  EXPECT_EQ(vqa_answer("None", VqaDialect::kOfficial), "0");
  EXPECT_EQ(vqa_answer("u.s.a.", VqaDialect::kOfficial), "usa");
  EXPECT_EQ(vqa_answer("Dont know", VqaDialect::kOfficial), "don't know");
  EXPECT_EQ(vqa_answer("\xE3\x80\x80"
                       "two\nof THE ten\t",
                       VqaDialect::kOfficial),
            "2 of 10");
}

TEST(VqaText, AtMostThirtyTwoPeriodsGo) {
  std::string letters = "a";
  for (int i = 1; i < 40; ++i) letters += std::string(".") + static_cast<char>('a' + i % 26);
  const std::string kept = vqa_answer(letters, VqaDialect::kOfficial);
  EXPECT_EQ(std::count(kept.begin(), kept.end(), '.'), 7);
}

TEST(VqaText, CapitalizesAsPythonDoes) {
  EXPECT_EQ(capitalized("what does NASA say?"), "What does nasa say?");
  EXPECT_EQ(capitalized("éTÉ"), "Été");
  EXPECT_EQ(capitalized("ßA"), "Ssa");
  EXPECT_EQ(capitalized(""), "");
}

TEST(VqaText, BareAnswers) {
  EXPECT_EQ(bare_answer(" **Stop Sign**. "), "stop sign");
  EXPECT_EQ(bare_answer("「停止」。"), "停止");
  EXPECT_EQ(bare_answer("--"), "");
}

TEST(SoftAccuracy, ClosedFormByMatches) {
  for (int matches = 0; matches <= 10; ++matches) {
    std::vector<std::string> references(10, "other");
    for (int i = 0; i < matches; ++i) references[static_cast<std::size_t>(i)] = "this";
    for (const auto averaging : {Averaging::kRunning, Averaging::kExact, Averaging::kPairwise}) {
      EXPECT_NEAR(soft_accuracy(references, "this", averaging), std::min(1.0, 0.3 * matches), 1e-12) << matches;
    }
  }
  const std::vector<std::string> one = {"this"};
  EXPECT_EQ(soft_accuracy(one, "this", Averaging::kRunning), 0);
  EXPECT_EQ(soft_accuracy({}, "this", Averaging::kRunning), 0);
}

TEST(Anls, Examples) {
  EXPECT_NEAR(anls(std::vector<std::string>{"$506 million"}, "506 million"), 1 - 1.0 / 12, 1e-12);
  EXPECT_EQ(anls(std::vector<std::string>{"1998"}, "1989"), 0.5) << "one half counts";
  EXPECT_EQ(anls(std::vector<std::string>{"1998"}, "2018"), 0);
  EXPECT_EQ(anls(std::vector<std::string>{"cat", " Two  Words"}, "two words"), 1);
  EXPECT_EQ(anls(std::vector<std::string>{""}, ""), 1);
}

TEST(RelaxedMatch, Examples) {
  EXPECT_TRUE(relaxed_match("105", "100"));
  EXPECT_FALSE(relaxed_match("105.1", "99.8"));
  EXPECT_FALSE(relaxed_match("25", "25%")) << "a percent sign divides by 100";
  EXPECT_FALSE(relaxed_match("1000", "1,000")) << "not a number of Python's";
  EXPECT_FALSE(relaxed_match("0", "0.0")) << "a target of 0 is compared as text";
  EXPECT_TRUE(relaxed_match("2010", "2009")) << "years are numbers like others";
  EXPECT_TRUE(relaxed_match("Red", "rEd"));
}

TEST(PythonFloat, FollowsPythonsGrammar) {
  EXPECT_EQ(python_float(" 1_000.5\n"), 1000.5);
  EXPECT_EQ(python_float("+.5e1"), 5);
  EXPECT_EQ(python_float("\xD9\xA3\xD9\xA4"), 34) << "digits of any script";
  EXPECT_EQ(python_float("-Infinity"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(python_float("1e999"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(python_float("1e-999"), 0);
  EXPECT_TRUE(std::isnan(*python_float("NaN")));
  for (const char* text : {"", ".", "1__0", "_1", "1_", "0x10", "1e", "--1", "5 %", "1 000", "\xC2\xBD"}) {
    EXPECT_FALSE(python_float(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace scalselect::eval
