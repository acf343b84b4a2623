// Paired tests and what was resolved, on runs whose answers are known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/report/significance.h"
#include "experiments/report/table.h"
#include "report_fixtures.h"

namespace scalselect::report {
namespace {

using ::testing::HasSubstr;
using testing::make_collection;
using testing::make_run;
using ::testing::Not;

Table table_of(std::vector<ReportRun> runs, std::int64_t replicates = 2000) {
  return make_tables(make_collection(std::move(runs)), "random", {.replicates = replicates}).front();
}

const ColumnTest& test_of(const Comparison& comparison, const std::string& label, const std::string& column) {
  for (const auto& test : comparison.tests) {
    if (test.label == label && test.column == column) return test;
  }
  throw std::runtime_error("no test of " + label);
}

TEST(SignificanceTest, CountsWhatOneAloneAnswersAndAdjustsOverTheTable) {
  const auto table =
      table_of({make_run("full", 1, {100, 60}), make_run("random", 1, {20, 30}), make_run("a", 1, {70, 45})});
  ASSERT_EQ(table.comparisons.size(), 2U);
  EXPECT_EQ(table.comparisons[0].against, "random");
  EXPECT_EQ(table.comparisons[1].against, "full");
  const auto& test = test_of(table.comparisons[0], "a 16 %", "one");
  EXPECT_EQ(test.answers.units, 20);
  EXPECT_EQ(test.answers.n10, 10);
  EXPECT_EQ(test.answers.n01, 0);
  EXPECT_NEAR(test.mcnemar, 1.0 / 1024, 1e-12) << "mid-p of 10 to 0";
  EXPECT_TRUE(test.by_mcnemar);
  EXPECT_EQ(test.p, test.mcnemar);
  EXPECT_NEAR(test.difference.value, 50, 1e-9);
  EXPECT_GT(test.difference.interval.low, 20);
  const auto& other = test_of(table.comparisons[0], "a 16 %", "two");
  EXPECT_EQ(other.answers.n10, 3);
  EXPECT_NEAR(test.adjusted, 2 * test.p, 1e-12) << "Holm: the smaller of two";
  EXPECT_NEAR(other.adjusted, other.p, 1e-12);
  EXPECT_EQ(table.comparisons[0].tests.size(), 2U)
      << "neither the reference nor the full pool is tested against random";
  EXPECT_EQ(table.comparisons[1].tests.size(), 4U);
  EXPECT_EQ(test_of(table.comparisons[1], "random 16 %", "one").answers.n01, 16);
}

TEST(SignificanceTest, WhereImagesHaveSeveralQuestionsTheBootstrapDecides) {
  auto full = make_run("full", 1, {100}), random = make_run("random", 1, {20}), a = make_run("a", 1, {70});
  for (auto* run : {&full, &random, &a}) {
    for (auto& unit : run->sheets[0].units.units) unit.cluster /= 2;
  }
  const auto table = table_of({full, random, a});
  const auto& test = test_of(table.comparisons[0], "a 16 %", "one");
  EXPECT_EQ(test.answers.clusters, 10);
  EXPECT_FALSE(test.by_mcnemar);
  EXPECT_FALSE(std::isnan(test.mcnemar)) << "printed beside it";
  EXPECT_EQ(test.p, test.difference.p);
}

TEST(SignificanceTest, SeveralSeedsAreNotIndependentQuestions) {
  std::vector<ReportRun> runs;
  for (int seed = 1; seed <= 3; ++seed) {
    runs.push_back(make_run("full", seed, {95, 60}));
    runs.push_back(make_run("random", seed, {25.0 + 5 * seed, 30}));
    runs.push_back(make_run("a", seed, {60, 45}));
  }
  const auto table = table_of(runs);
  const auto& test = test_of(table.comparisons[0], "a 16 %", "one");
  EXPECT_EQ(test.pairs, 3);
  EXPECT_EQ(test.answers.n10, 6 + 5 + 4);
  EXPECT_TRUE(std::isnan(test.mcnemar));
  EXPECT_FALSE(test.by_mcnemar);
  EXPECT_NEAR(test.difference.seed_deviation, 5, 1e-9);
  EXPECT_EQ(test.p, test.difference.p);
  EXPECT_THAT(grid_markdown(tests_grid(table.comparisons[0])), HasSubstr("| 15 | 0 | – |"));
}

TEST(SignificanceTest, SaysWhatWasResolvedAndWhatItWouldTake) {
  const auto table = table_of({make_run("full", 1, {100, 60}), make_run("random", 1, {20, 30}),
                               make_run("better", 1, {95, 60}), make_run("alike", 1, {25, 30})});
  const auto& against = table.comparisons[0].resolutions;
  ASSERT_EQ(against.size(), 2U);
  EXPECT_TRUE(against[0].resolved);
  EXPECT_FALSE(against[1].resolved);
  EXPECT_NEAR(against[0].detectable, 2.8016 * against[0].difference.question_error, 1e-3)
      << "one seed: the normal quantiles of 5 % and 80 %";
  EXPECT_FALSE(against[0].seeds_for_point) << "one seed cannot tell";
  ASSERT_TRUE(against[0].questions_for_point);
  EXPECT_NEAR(*against[0].questions_for_point, std::pow(against[0].detectable, 2),
              0.01 * std::pow(against[0].detectable, 2))
      << "noise falls with the root of the questions";
  const auto grid = grid_markdown(resolution_grid(table.comparisons[0]));
  EXPECT_THAT(grid, HasSubstr("| better 16 % |"));
  EXPECT_THAT(grid, HasSubstr("One seed says nothing about how much another training run would differ"));
}

TEST(SignificanceTest, EqualAnswersResolveNothing) {
  const auto table =
      table_of({make_run("full", 1, {100, 60}), make_run("random", 1, {20, 30}), make_run("twin", 1, {20, 30})});
  const auto& item = table.comparisons[0].resolutions.at(0);
  EXPECT_FALSE(item.resolved);
  EXPECT_EQ(item.adjusted, 1);
  const auto grid = grid_markdown(resolution_grid(table.comparisons[0]));
  EXPECT_THAT(grid, HasSubstr("| no | – | – | – |"));
  EXPECT_THAT(grid, Not(HasSubstr("nan")));
}

TEST(SignificanceTest, CsvHasEveryTest) {
  const auto table = table_of({make_run("full", 1, {100}), make_run("random", 1, {20}), make_run("a", 1, {70})}, 100);
  const auto csv = tests_csv("epochs", table.comparisons, true);
  EXPECT_EQ(csv.substr(0, csv.find('\n')),
            "regime,against,method,column,difference,low,high,questions,images,pairs,n10,n01,p_mcnemar,p_bootstrap,p,"
            "p_holm,detectable");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 4) << "header, a against random, random and a against full";
  EXPECT_THAT(csv, HasSubstr("epochs,random,a 16 %,one,50"));
}

eval::Question question(const std::string& id, const std::string& group, int rotation, const std::string& cluster,
                        std::vector<std::string> splits = {}) {
  eval::Question result;
  result.id = id;
  result.group = group;
  result.rotation = rotation;
  result.cluster = cluster;
  result.prompt = "Is it? " + (splits.empty() ? id : "");
  result.image_names = {cluster};
  result.answers = {"yes"};
  result.splits = std::move(splits);
  return result;
}

std::vector<eval::Outcome> outcomes(const std::vector<double>& scores) {
  std::vector<eval::Outcome> result;
  for (const double score : scores) result.push_back({{}, score});
  return result;
}

TEST(PairedAnswersTest, RotationsAreOneUnitAndRepeatedCallsToo) {
  const std::vector<eval::Question> rotations = {question("1", "g", 0, "x"), question("2", "g", 1, "x"),
                                                 question("3", "h", 0, "y")};
  const auto units = answer_units(rotations, outcomes({1, 0, 1}));
  ASSERT_EQ(units.units.size(), 2U);
  EXPECT_EQ(units.units[0].score + units.units[1].score, 1) << "a group is right if all of its rotations are";

  // POPE: the same question in two splits is one call; another image is another.
  const std::vector<eval::Question> splits = {question("a/1", "a/1", 0, "x", {"adversarial"}),
                                              question("p/1", "p/1", 0, "x", {"popular"}),
                                              question("p/2", "p/2", 0, "y", {"popular"})};
  const auto first = answer_units(splits, outcomes({1, 1, 1})), second = answer_units(splits, outcomes({1, 1, 0}));
  EXPECT_EQ(first.units.size(), 2U);
  EXPECT_EQ(compare_answers(first, second, "f1").units, 2);
  EXPECT_EQ(compare_answers(first, second, "adversarial_f1").units, 1);
  EXPECT_EQ(compare_answers(first, second, "adversarial_f1").n10, 0);
  EXPECT_EQ(compare_answers(first, second, "popular_f1").n10, 1);
  EXPECT_EQ(compare_answers(second, first, "popular_f1").n01, 1);
}

TEST(PairedAnswersTest, OnlySharedQuestionsArePaired) {
  const std::vector<eval::Question> all = {question("1", "1", 0, "x"), question("2", "2", 0, "x"),
                                           question("3", "3", 0, "y")};
  const auto first = answer_units(all, outcomes({1, 1, 1}));
  const auto second = answer_units(std::span(all).first(2), outcomes({0, 1}));
  const auto pairs = compare_answers(first, second, "accuracy");
  EXPECT_EQ(pairs.units, 2);
  EXPECT_EQ(pairs.clusters, 1);
  EXPECT_EQ(pairs.n10, 1);
}

}  // namespace
}  // namespace scalselect::report
