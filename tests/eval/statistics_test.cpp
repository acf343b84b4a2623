#include "eval/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "eval/json_files.h"
#include "eval/metrics.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

const nlohmann::json& golden() {
  static const nlohmann::json tree = parse_json_file(testing::golden("statistics.json"));
  return tree;
}

TEST(Confusion, AgreesWithScikitLearn) {
  for (const auto& sample : golden().at("confusion")) {
    Confusion counts;
    for (std::size_t i = 0; i < sample.at("truth").size(); ++i) {
      const bool truth = sample["truth"][i] == 1, said = sample["said"][i] == 1;
      (truth ? (said ? counts.tp : counts.fn) : (said ? counts.fp : counts.tn)) += 1;
    }
    EXPECT_NEAR(counts.accuracy(), sample.at("accuracy"), 1e-10);
    EXPECT_NEAR(counts.precision(), sample.at("precision"), 1e-10);
    EXPECT_NEAR(counts.recall(), sample.at("recall"), 1e-10);
    EXPECT_NEAR(counts.f1(), sample.at("f1"), 1e-10);
  }
}

TEST(Confusion, PublishedPopeCounts) {
  const Confusion random{1183, 31, 1379, 317};
  EXPECT_NEAR(random.accuracy(), 88.041, 5e-4);
  EXPECT_NEAR(random.precision(), 97.446, 1e-3);
  EXPECT_NEAR(random.recall(), 78.867, 5e-4);
  EXPECT_NEAR(random.f1(), 87.178, 5e-4);
  EXPECT_NEAR(random.yes_ratio(), 41.718, 5e-4);
  EXPECT_NEAR(Confusion({1183, 59, 1441, 317}).f1(), 86.287, 5e-4);
  EXPECT_NEAR(Confusion({1183, 117, 1383, 317}).f1(), 84.500, 5e-4);
  EXPECT_EQ(Confusion{}.f1(), 0);
}

TEST(McNemarTest, AgreesWithStatsmodels) {
  for (const auto& sample : golden().at("mcnemar")) {
    const McNemar test = mcnemar(sample.at("n10").get<std::int64_t>(), sample.at("n01").get<std::int64_t>());
    EXPECT_NEAR(test.exact, sample.at("exact"), 1e-9);
    EXPECT_NEAR(test.mid_p, sample.at("mid_p"), 1e-9);
  }
  const std::vector<double> a = {1, 1, 0, 1}, b = {1, 0, 1, 0};
  EXPECT_EQ(mcnemar(a, b).n10, 2);
  EXPECT_EQ(mcnemar(a, b).n01, 1);
}

TEST(Quantiles, AgreeWithScipyAndNumpy) {
  for (const auto& pair : golden().at("t975")) {
    EXPECT_NEAR(student_t975(pair[0].get<std::int64_t>()), pair[1].get<double>(), 2e-6) << pair.dump();
  }
  for (const auto& pair : golden().at("normal")) EXPECT_NEAR(normal_quantile(pair[0]), pair[1].get<double>(), 1e-9);
  const auto sorted = golden().at("quantile").at("sorted").get<std::vector<double>>();
  for (const auto& pair : golden().at("quantile").at("q"))
    EXPECT_NEAR(quantile(sorted, pair[0]), pair[1].get<double>(), 1e-12);
}

TEST(StudentT, AgreesWithScipyForAnyFreedom) {
  const auto student = parse_json_file(testing::golden("student.json"));
  for (const auto& row : student.at("cdf")) {
    const double expected = row[2];
    EXPECT_NEAR(student_t_cdf(row[0], row[1]), expected, 1e-7 * expected + 1e-13) << row.dump();
  }
  for (const auto& row : student.at("quantile")) {
    const double expected = row[2];
    EXPECT_NEAR(student_t_quantile(row[0], row[1]), expected, 1e-7 * std::abs(expected) + 1e-9) << row.dump();
  }
  const double infinite = std::numeric_limits<double>::infinity();
  EXPECT_EQ(student_t_quantile(0.975, infinite), normal_quantile(0.975));
  EXPECT_EQ(student_t_cdf(1.5, infinite), normal_cdf(1.5));
}

TEST(Holm, AgreesWithStatsmodels) {
  const auto adjusted = holm(golden().at("holm").at("p").get<std::vector<double>>());
  for (std::size_t i = 0; i < adjusted.size(); ++i) EXPECT_NEAR(adjusted[i], golden()["holm"]["adjusted"][i], 1e-12);
}

TEST(SeedSummary, UsesTheSampleDeviation) {
  for (const auto& sample : golden().at("std")) {
    const auto summary = summarize_seeds(sample.at("values").get<std::vector<double>>());
    EXPECT_NEAR(summary.mean, sample.at("mean"), 1e-12);
    EXPECT_NEAR(summary.std, sample.at("std"), 1e-12);
  }
  const auto one = summarize_seeds(std::vector<double>{5});
  EXPECT_EQ(one.mean, 5);
  EXPECT_TRUE(std::isnan(one.std)) << "one seed has no spread, not a spread of 0";
}

TEST(RelativePerformance, MeanOfRatios) {
  const std::vector<double> full = {79.1, 63.0, 47.8, 68.4, 58.2, 86.4, 1476.9, 66.1, 58.9, 67.9};
  const std::vector<double> ratios = {.9646, .9635, 1.0481, 1.0351, .9553, 1.0127, 1.0060, .9546, .9474, .9735};
  std::vector<double> scores;
  for (std::size_t k = 0; k < full.size(); ++k) scores.push_back(full[k] * ratios[k]);
  EXPECT_NEAR(relative_performance(scores, full), 98.61, 0.005);
  EXPECT_DOUBLE_EQ(relative_performance(full, full), 100);
}

TEST(RelativePerformance, GeometricMeanAgreesWithScipy) {
  for (const auto& sample : parse_json_file(testing::golden("student.json")).at("geometric")) {
    const auto ratios = sample.at("ratios").get<std::vector<double>>();
    const std::vector<double> full(ratios.size(), 40);
    std::vector<double> scores;
    for (const double ratio : ratios) scores.push_back(40 * ratio);
    EXPECT_NEAR(relative_geometric(scores, full), sample.at("percent").get<double>(), 1e-9);
  }
  EXPECT_TRUE(std::isnan(relative_geometric(std::vector<double>{1, 2}, std::vector<double>{0, 2})));
}

TEST(RelativePerformance, AboveChanceAndZeroDenominators) {
  const std::vector<double> s = {75, 40}, f = {100, 60}, c = {50, 20};
  EXPECT_DOUBLE_EQ(relative_above_chance(s, f, c), 50);
  EXPECT_TRUE(std::isnan(relative_performance(s, std::vector<double>{0, 60})));
  EXPECT_TRUE(std::isnan(relative_above_chance(s, f, f)));
}

}  // namespace
}  // namespace scalselect::eval
