// Disagreements, each by what differs first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/answering.h"
#include "eval/exchange/diff.h"
#include "eval/json_files.h"
#include "tests/eval/exchange_fixtures.h"

namespace scalselect::eval {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempFolder;

class ExchangeDiff : public ::testing::Test {
 protected:
  ExchangeDiff() : options_(testing::write_pope(folder_, 5)) {
    const auto bench = make_benchmark(options_);
    testing::TableGenerator generator(
        [](const GenerationPrompt& prompt) { return prompt.text.find("cat") == std::string::npos ? "Yes" : "No"; });
    evaluate(*bench, bench->load(""), generator, {}, folder_ / "a.jsonl");
    for_each_json_line(folder_ / "a.jsonl",
                       [&](const json& record, const std::string&) { records_.push_back(record); });
  }

  std::string write(const std::string& name, const std::vector<json>& records) {
    std::string lines;
    for (const auto& record : records) lines += record.dump() + "\n";
    return folder_.write(name, lines);
  }

  AnswersDiff diff(const std::vector<json>& b, Matcher matcher_a = Matcher::kDefault,
                   Matcher matcher_b = Matcher::kDefault) {
    auto first = options_, second = options_;
    first.matcher = matcher_a;
    second.matcher = matcher_b;
    const auto bench_a = make_benchmark(first), bench_b = make_benchmark(second);
    const auto side_a = read_side(*bench_a, folder_ / "a.jsonl"), side_b = read_side(*bench_b, write("b.jsonl", b));
    return diff_answers(*bench_a, side_a, side_b);
  }

  static std::vector<std::size_t> questions(const AnswersDiff& diff) {
    std::vector<std::size_t> counts;
    for (const auto& count : diff.causes) counts.push_back(count.questions);
    return counts;
  }

  TempFolder folder_;
  BenchmarkOptions options_;
  std::vector<json> records_;
};

TEST_F(ExchangeDiff, EqualAnswersDifferInNothing) {
  const auto same = diff(records_);
  EXPECT_THAT(questions(same), ElementsAre(0, 0, 0, 0, 0, 30));
  EXPECT_EQ(same.mcnemar.mid_p, 1);
  EXPECT_EQ(same.units, 30u);
  for (const auto& metric : same.metrics) EXPECT_EQ(metric.a, metric.b);
}

TEST_F(ExchangeDiff, EachCauseIsNamedByWhatDiffersFirst) {
  auto b = records_;
  b[0]["answers"] = {"no"};  // the benchmark, and with it the score
  b[1]["prompt"] = "Is it?";
  b[1]["response"] = "Yes";
  b[2]["images"][0]["bytes_sha256"] = "00";
  b[2]["response"] = "No";
  b[3]["response"] = "Yes";
  b[4]["prompt"] = "";  // not recorded
  b[4]["images"][0]["bytes_sha256"] = "";
  const auto traced = diff(b);
  EXPECT_THAT(questions(traced), ElementsAre(1, 1, 1, 1, 0, 26));
  for (std::size_t c = 0; c < 4; ++c) EXPECT_EQ(traced.causes[c].only_a_right, 1u) << c;
  EXPECT_EQ(traced.causes[0].read_differently, 1u) << "the score differs, though the same was read";
  EXPECT_EQ(traced.prompts_unknown, 1u);
  EXPECT_EQ(traced.pixels_unknown, 1u);
  EXPECT_EQ(traced.mcnemar.n10, 4);
  EXPECT_EQ(traced.mcnemar.n01, 0);
  EXPECT_NEAR(traced.mcnemar.exact, 0.125, 1e-12);
}

TEST_F(ExchangeDiff, TheReadingAloneCanDiffer) {
  for (auto& record : records_) record["response"] = record["response"] == "Yes" ? "YES." : "There is not one";
  write("a.jsonl", records_);
  const auto read = diff(records_, Matcher::kOfficial, Matcher::kVk2026);
  EXPECT_THAT(questions(read), ElementsAre(0, 0, 0, 0, 15, 15))
      << "'not' is no to POPE's rule, nothing to VLMEvalKit's";
  EXPECT_EQ(read.causes[4].only_a_right, 15u);
}

TEST_F(ExchangeDiff, CountingAloneIsToldApart) {
  // What differs in the metric although every outcome is the same: nothing here, as both count by the same rules.
  auto b = records_;
  b[3]["response"] = "Yes";
  for (const auto& metric : diff(b).metrics) EXPECT_EQ(metric.aggregation, 0) << metric.name;
}

TEST_F(ExchangeDiff, QuestionsOfOneSideAreListed) {
  auto b = records_;
  b.erase(b.begin());
  b.back()["id"] = "random/99";
  const auto partly = diff(b);
  EXPECT_THAT(partly.only_in_a, ElementsAre("adversarial/1", "random/10"));
  EXPECT_THAT(partly.only_in_b, ElementsAre("random/99"));
  for (auto& record : b) record["id"] = "other/" + record["id"].get<std::string>();
  EXPECT_THAT(message_of([&] { diff(b); }),
              HasSubstr("No question of 'pope' is in both: A begins with 'adversarial/1'"));
}

TEST(ExchangeDiffGroups, RotationsAreOneUnitOfTheTest) {
  testing::StandIn stand_in("mmbench", "mmbench.tsv");
  stand_in.scores_of("vlmevalkit_mmbench.xlsx");
  const auto vk = read_side(stand_in.benchmark(), stand_in.predictions_file());
  stand_in.scores_of("llava_mmbench.jsonl");
  const auto llava = read_side(stand_in.benchmark(), stand_in.predictions_file());
  const auto diff = diff_answers(stand_in.benchmark(), vk, llava);
  EXPECT_TRUE(diff.by_group);
  EXPECT_EQ(diff.units, 8u);
  EXPECT_EQ(diff.questions.size(), 26u);
  EXPECT_EQ(diff.prompts_unknown, 26u) << "VLMEvalKit does not record its prompts";
  const auto* const accuracy = vk.scores.find("accuracy");
  ASSERT_NE(accuracy, nullptr);
  EXPECT_NEAR(diff.metrics[0].b - diff.metrics[0].a, 100.0 * (diff.mcnemar.n01 - diff.mcnemar.n10) / 8, 1e-9);
}

}  // namespace
}  // namespace scalselect::eval
