#include "eval/power.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "eval/json_files.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

const nlohmann::json& golden() {
  static const nlohmann::json tree = parse_json_file(testing::golden("power.json"));
  return tree;
}

TEST(Power, OfSeedsAgreesWithStatsmodels) {
  ASSERT_FALSE(golden().at("t").empty());
  for (const auto& sample : golden().at("t")) {
    const DifferenceNoise noise{sample.at("seed"), 0};
    EXPECT_NEAR(power_of(sample.at("difference"), noise, sample.at("seeds"), sample.at("level")), sample.at("power"),
                1e-6)
        << sample.dump();
  }
}

TEST(Power, OfQuestionsAgreesWithStatsmodels) {
  for (const auto& sample : golden().at("normal")) {
    const DifferenceNoise noise{0, sample.at("error")};
    for (const std::int64_t seeds : {1, 3})
      EXPECT_NEAR(power_of(sample.at("difference"), noise, seeds, sample.at("level")), sample.at("power"), 1e-9);
  }
}

TEST(Power, OfBothNoisesAgreesWithSimulation) {
  for (const auto& sample : golden().at("mixed")) {
    const DifferenceNoise noise{sample.at("seed"), sample.at("question")};
    // The degrees of freedom vary from draw to draw in the simulation; the formula takes their value at the truth.
    EXPECT_NEAR(power_of(sample.at("difference"), noise, sample.at("seeds")), sample.at("power"), 0.03)
        << sample.dump();
  }
}

TEST(Power, OfPairedAnswersAgreesWithSimulatedMcNemarTests) {
  for (const auto& sample : golden().at("pairs")) {
    const double error = paired_standard_error(sample.at("share"), sample.at("questions"));
    EXPECT_NEAR(power_of(sample.at("difference"), {0, error}, 1), sample.at("power"), 0.02) << sample.dump();
  }
}

TEST(Power, DetectableDifferences) {
  for (const auto& sample : golden().at("detectable")) {
    const double share = sample.at("share"), questions = sample.at("questions");
    const double power = sample.at("power"), level = sample.at("level");
    const double difference = detectable_difference(share, questions, power, level);
    EXPECT_NEAR(difference, sample.at("difference"), 1e-12);
    EXPECT_NEAR(questions_needed(difference, share, power, level), questions, 1e-6);
  }
  // 2.80 sqrt(share / n) in points, to one decimal.
  EXPECT_NEAR(100 * detectable_difference(.05, 1164), 1.8, .05);
  EXPECT_NEAR(100 * detectable_difference(.10, 260), 5.5, .05);
  EXPECT_NEAR(100 * detectable_difference(.15, 3088), 2.0, .05);
}

TEST(Power, DetectableDifferenceIsFoundWithThatPower) {
  for (const DifferenceNoise noise : {DifferenceNoise{.5, 0}, {.5, .4}, {0, .4}, {.01, 1}}) {
    for (const std::int64_t seeds : {1, 2, 3, 10}) {
      const double difference = detectable_difference(noise, seeds, .9, .01);
      EXPECT_NEAR(power_of(difference, noise, seeds, .01), .9, 1e-6) << noise.seed << ' ' << noise.question;
    }
  }
  EXPECT_EQ(detectable_difference(DifferenceNoise{}, 3), 0);
}

TEST(Power, WithoutADifferenceItIsTheLevel) {
  EXPECT_NEAR(power_of(0, {.5, .3}, 3), .05, 1e-6);
  EXPECT_NEAR(power_of(0, {.5, 0}, 2, .1), .1, 1e-6);
  EXPECT_EQ(power_of(0, {}, 2, .1), .1);
  EXPECT_EQ(power_of(.1, {}, 2, .1), 1);
}

TEST(Power, SeedsNeeded) {
  // statsmodels: TTestPower().solve_power(1, alpha=.05, power=.8) = 9.94.
  EXPECT_EQ(seeds_needed(1, {1, 0}), 10);
  EXPECT_EQ(seeds_needed(-1, {1, 0}), 10);
  EXPECT_EQ(seeds_needed(1, {0, .3}), 1) << "nothing that a second seed would average out";
  EXPECT_EQ(seeds_needed(1, {.001, .3}), 2);
  EXPECT_EQ(seeds_needed(1, {.5, .4}), std::nullopt) << "2.80 * 0.4 is above 1 with any number of seeds";
  EXPECT_EQ(seeds_needed(1, {0, .4}), std::nullopt);
  const DifferenceNoise noise{.9, .2};
  const auto seeds = seeds_needed(1, noise);
  ASSERT_TRUE(seeds);
  EXPECT_GE(power_of(1, noise, *seeds), .8);
  EXPECT_LT(power_of(1, noise, *seeds - 1), .8);
}

TEST(Power, QuestionFactorNeeded) {
  // Without training noise: (2.80 * 0.5 / 1)^2.
  EXPECT_NEAR(question_factor_needed(1, {0, .5}, 1).value(), std::pow(2.8015852 * .5, 2), 1e-4);
  EXPECT_EQ(question_factor_needed(1, {1, .5}, 3), std::nullopt) << "the seeds alone are too noisy";
  const DifferenceNoise noise{.2, .5};
  const double factor = question_factor_needed(1, noise, 3).value();
  EXPECT_NEAR(power_of(1, {noise.seed, noise.question / std::sqrt(factor)}, 3), .8, 1e-6);
}

TEST(Power, NoiseOfMeansAndOfRel) {
  EXPECT_DOUBLE_EQ(DifferenceNoise({3, 4}).of_mean(1), 5);
  EXPECT_DOUBLE_EQ(DifferenceNoise({2, 0}).of_mean(4), 1);
  const std::vector<ColumnNoise> columns = {{50, 1.5}, {1500, 60}};  // 3 % and 4 %
  EXPECT_DOUBLE_EQ(relative_standard_error(columns), 2.5);
  // Nine columns at the levels and counts of LLaVA-1.5-7B, discordant share .12: about 1 point in a simulation, most of
  // it from MME's cognition, whose ratio has a standard deviation of 7.5 points.
  std::vector<ColumnNoise> nine = {{100, 7.5}};
  const auto add = [&](double full, double questions, double share = .12) {
    nine.push_back({full, 100 * paired_standard_error(share, questions)});
  };
  add(64, 1164), add(58, 1164), add(55, 3088), add(86, 3000, .072), add(86, 3000, .072), add(67, 2017), add(31, 1000);
  nine.push_back({1500, 24});
  EXPECT_NEAR(relative_standard_error(nine), .97, .06);
}

}  // namespace
}  // namespace scalselect::eval
