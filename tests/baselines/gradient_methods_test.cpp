// GraNd, LESS, ICONS and TIVE against the authors' formulas (golden/make_gradient_methods.py) and by hand.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "baselines/influence.h"
#include "baselines/registry.h"
#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "selector/choose.h"
#include "tests/baselines/table_test_util.h"

namespace scalselect {
namespace {

using ::testing::ElementsAre;
using Json = nlohmann::json;

/// One candidate table per epoch, and target tables whose rows differ in their task.
MethodInput with_target(std::vector<FeatureTable> pool, std::vector<FeatureTable> target,
                        std::vector<std::string> tasks) {
  MethodInput input;
  input.pool_size = static_cast<std::int64_t>(pool.front().rows.size());
  input.candidates = pool.front().rows;
  input.features = std::move(pool);
  input.target.emplace();
  input.target->rows = target.front().rows;
  input.target->features = std::move(target);
  input.target->tasks = std::move(tasks);
  return input;
}

class Golden : public testing::Test {
 protected:
  Golden() : tree_(Json::parse(read_file(std::filesystem::path(SCALSELECT_TEST_DATA) / "gradient_methods.json"))) {}

  FeatureTable table(const char* key, std::size_t epoch) const {
    return table_of(tree_.at(key).at(epoch).get<std::vector<float>>(), tree_.at("width").get<std::int64_t>());
  }
  FeatureTable norms() const { return table_of(tree_.at("norms").get<std::vector<float>>(), 1); }
  MethodInput input(std::vector<std::size_t> epochs) const {
    std::vector<FeatureTable> pool, target;
    for (const auto epoch : epochs) {
      pool.push_back(table("train", epoch));
      target.push_back(table("target", epoch));
    }
    std::vector<std::string> tasks;
    for (int task = 0; task < tree_.at("tasks").get<int>(); ++task) {
      for (int i = 0; i < tree_.at("per_task").get<int>(); ++i) tasks.push_back("task" + std::to_string(task));
    }
    return with_target(std::move(pool), std::move(target), std::move(tasks));
  }
  Json tree_;
};

Json two_epochs() { return {{"gradients", {{"warm_up", {{"epochs", 2}}}}}}; }

TEST_F(Golden, LessScoresAreTheAuthors) {
  const auto method = make_method("less", two_epochs());
  const auto result = choose(method, input({0, 1}), Count{10});
  const auto expected = tree_.at("less").get<std::vector<double>>();
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(result.scores[i], expected[i], 1e-5) << i;
  EXPECT_EQ(result.rows, top_rows(expected, input({0}).candidates, 10));
}

TEST_F(Golden, IconsVotesAreTheAuthors) {
  const auto method = make_method("icons", {{"share", 0.2}, {"ties", "row"}});
  const auto votes = tree_.at("icons_votes").get<std::vector<double>>();
  EXPECT_EQ(choose(method, input({1}), Count{12}).scores, votes);
  // The budget's own share is the authors' top_percent; with ties by rank the votes still come first.
  const auto ranked = choose(make_method("icons"), input({1}), Count{12});
  for (std::size_t i = 0; i < votes.size(); ++i) {
    EXPECT_EQ(std::floor(ranked.scores[i]), votes[i]) << i;
    EXPECT_GT(ranked.scores[i], votes[i]) << i;
  }
}

TEST_F(Golden, TiveSharesAndValuesAreTheAuthors) {
  const auto method = make_method("tive", {{"tasks", "target"}, {"draw", false}});
  auto given = input({1});
  given.features.push_back(norms());
  const auto budget = tree_.at("budget").get<std::int64_t>();
  const auto result = choose(method, given, Count{budget});
  const auto labels = tree_.at("tive_labels").get<std::vector<int>>();
  const auto shares = tree_.at("tive_shares").get<std::vector<double>>();
  const auto values = tree_.at("tive_values").get<std::vector<double>>();
  ASSERT_EQ(static_cast<std::int64_t>(result.rows.size()), budget);
  auto next = result.rows.begin();
  for (int task = 0; task < 3; ++task) {
    std::vector<double> own(values.size(), std::nan(""));
    std::vector<std::int64_t> rows;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] != task) continue;
      own[i] = values[i];
      rows.push_back(static_cast<std::int64_t>(i));
    }
    const auto share = result.facts["task_shares"][static_cast<std::size_t>(task)].get<std::int64_t>();
    EXPECT_LT(std::abs(static_cast<double>(share) - shares[static_cast<std::size_t>(task)]), 1) << "rounded only";
    EXPECT_EQ(std::vector<std::int64_t>(next, next + share), top_rows(own, rows, share)) << task;
    next += share;
  }
}

TEST(Grand, AveragesNormsOverEpochs) {
  const Json two{{"gradients", {{"warm_up", {{"share", 0.1}, {"epochs", 2}}}}}};
  const auto method = make_method("grand", two);
  ASSERT_EQ(method.needs.size(), 2U);
  MethodInput input;
  input.pool_size = 4;
  input.candidates = {0, 1, 3};
  input.features = {table_of({1, 5, 2}, 1, {0, 1, 3}), table_of({7, 1, 3, 2}, 1)};
  const auto result = choose(method, input, Count{3});
  EXPECT_THAT(result.rows, ElementsAre(0, 1, 3));
  EXPECT_EQ(result.scores[0], 4);
  EXPECT_TRUE(std::isnan(result.scores[2]));
  auto smallest = two;
  smallest["largest"] = false;
  EXPECT_THAT(choose(make_method("grand", smallest), input, Count{2}).rows, ElementsAre(3, 1));
}

TEST(Grand, NeedsNoTrainingByDefault) {
  const auto needs = make_method("grand").needs;
  ASSERT_EQ(needs.size(), 1U);
  EXPECT_EQ(gradient_point(needs[0])->epoch, 0);
  EXPECT_EQ(
      feature_name(needs[0]),
      R"(gradient_norm(weights=lora,pattern=.*language_model\..*\.(q_proj|k_proj|v_proj|o_proj),rank=16,alpha=32.0,seed=0))");
}

/// Two tasks along two axes: the score is the larger cosine, whatever the lengths.
TEST(Less, TakesTheBestTaskOfEachRow) {
  const Json plain{{"step", "plain"}, {"gradients", {{"warm_up", {{"share", 0}}}}}};
  const auto method = make_method("less", plain);
  const auto input = with_target({table_of({9, 0, 0, 0.1F, 3, 3, -5, 0}, 2)}, {table_of({2, 0, 0, 7, 0, 1}, 2)},
                                 {"right/a", "up/a", "up/b"});
  const auto result = choose(method, input, Count{4});
  EXPECT_THAT(result.rows, ElementsAre(0, 1, 2, 3));
  EXPECT_NEAR(result.scores[2], std::sqrt(0.5), 1e-6);
  EXPECT_EQ(result.scores[3], 0) << "the other task does not suffer";
  EXPECT_EQ(result.facts["tasks"], 2);
}

TEST(Less, AsksForAdamOfThePoolAndPlainOfTheTarget) {
  const auto method = make_method("less");
  ASSERT_EQ(method.needs.size(), 4U);
  ASSERT_EQ(method.target_needs.size(), 4U);
  for (std::size_t e = 0; e < 4; ++e) {
    const auto own = std::get<ProjectedGradientSpec>(method.needs[e]);
    const auto target = std::get<ProjectedGradientSpec>(method.target_needs[e]);
    EXPECT_EQ(own.gradient.step, GradientStep::kAdam);
    EXPECT_EQ(target.gradient.step, GradientStep::kPlain);
    EXPECT_EQ(own.gradient.sketch, target.gradient.sketch);
    EXPECT_EQ(own.point.epoch, static_cast<int>(e) + 1);
  }
  EXPECT_TRUE(method.requires_target);
  EXPECT_THROW(make_method("less", {{"step", "adam"}, {"gradients", {{"warm_up", {{"share", 0}}}}}}), UserError);
}

/// Linear decay from 1 to 0 over four epochs: means 7/8, 5/8, 3/8, 1/8, which is 7 : 5 : 3 : 1.
TEST(Less, WeighsEpochsByTheirLearningRate) {
  std::vector<double> weights;
  for (const auto& item : all_points(GradientOptions{})) weights.push_back(item.weight);
  EXPECT_THAT(weights, ElementsAre(7.0 / 16, 5.0 / 16, 3.0 / 16, 1.0 / 16));
}

/// Row 0 serves task a, row 1 task b, row 2 both a little: with half of the votes each, row 2 gets two.
TEST(Icons, TasksVote) {
  const auto input = with_target({table_of({1, 0, 0, 1, 1, 1, -1, -1}, 2)}, {table_of({1, 0, 0, 1}, 2)}, {"a", "b"});
  const auto result = choose(make_method("icons", {{"share", 0.5}}), input, Count{4});
  EXPECT_THAT(result.rows, ElementsAre(2, 0, 1, 3));
  EXPECT_EQ(result.facts["most_votes"], 2);
  EXPECT_EQ(make_method("icons").budget_use, BudgetUse::kEach);
  EXPECT_EQ(make_method("icons", {{"share", 0.5}}).budget_use, BudgetUse::kScores);
}

TEST(Icons, SubTasksByMeanOrMaximum) {
  // Sources that begin alike ("a", "a-b") are different tasks.
  const auto input = with_target({table_of({1, 0, 1, 1, 0, -1, -1, 0}, 2)}, {table_of({1, 0, 0, 1, 0, -1, 1, 0}, 2)},
                                 {"a/x", "a/y", "a-b/x", "a"});
  const Json pooled{{"share", 0.25}}, largest{{"share", 0.25}, {"sub_tasks", "max"}};
  EXPECT_EQ(choose(make_method("icons", pooled), input, Count{1}).facts["tasks"], 2);
  const auto mean = choose(make_method("icons", pooled), input, Count{4}),
             max = choose(make_method("icons", largest), input, Count{4});
  // Mean over (1, 0), (0, 1), (1, 0): row 1 gives 0.707, row 0 gives 0.667. Maximum: row 0 gives 1.
  EXPECT_EQ(std::floor(mean.scores[1]), 1);
  EXPECT_EQ(std::floor(mean.scores[0]), 0);
  EXPECT_EQ(std::floor(max.scores[0]), 1);
  EXPECT_EQ(std::floor(max.scores[1]), 0);
  EXPECT_EQ(std::floor(max.scores[2]), 1) << "task a-b";
}

MethodInput two_bundles() {
  MethodInput input;
  input.pool_size = 8;
  input.candidates = {0, 1, 2, 3, 4, 5, 6, 7};
  input.features = {table_of({1, 0, 1, 0.1F, 1, -0.1F, 1, 0, 0, 1, 0.1F, 1, 0, 2, 0, 3}, 2),
                    table_of({1, 1, 1, 1, 3, 3, 3, 3}, 1)};
  return input;
}

TEST(Tive, SharesFollowDifficultyNotSize) {
  const Json options{{"clusters", 2}, {"draw", false}};
  const auto result = choose(make_method("tive", options), two_bundles(), Count{4});
  EXPECT_EQ(std::count_if(result.rows.begin(), result.rows.end(), [](auto row) { return row >= 4; }), 3);
  EXPECT_EQ(std::set<std::int64_t>(result.rows.begin(), result.rows.end()).size(), 4U);
}

TEST(Tive, WhatATaskCannotGiveComesFromTheOthers) {
  const auto result = choose(make_method("tive", {{"clusters", 2}}), two_bundles(), Count{7});
  EXPECT_EQ(std::count_if(result.rows.begin(), result.rows.end(), [](auto row) { return row >= 4; }), 4);
  EXPECT_EQ(result.rows.size(), 7U);
}

/// The first row of a draw has probability softmax(sharpness * value).
TEST(Tive, DrawsBySoftmax) {
  auto input = two_bundles();
  const std::vector<float> rows{1, 0, 1, 1, 0, 1, -1, 0.5F};
  input.pool_size = 4;
  input.candidates = {0, 1, 2, 3};
  input.features = {table_of(rows, 2), table_of({1, 1, 1, 1}, 1)};
  const auto directions = group_means(input.features[0], {input.candidates}, "test");
  const auto values = mean_cosines(input.features[0], input.candidates, directions, "test");
  double total = 0;
  for (const double value : values) total += std::exp(3 * value);
  const auto method = make_method("tive", {{"clusters", 1}, {"sharpness", 3}});
  constexpr int kDraws = 4000;
  std::vector<double> first(4);
  for (int seed = 0; seed < kDraws; ++seed) {
    input.seed = static_cast<std::uint64_t>(seed);
    first[static_cast<std::size_t>(choose(method, input, Count{1}).rows[0])] += 1.0 / kDraws;
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const double p = std::exp(3 * values[i]) / total;
    EXPECT_NEAR(first[i], p, 4 * std::sqrt(p * (1 - p) / kDraws)) << i;
  }
}

TEST(Influence, TasksAreTheFirstPartsOfTheSource) {
  EXPECT_EQ(task_name("a/b/c", 1), "a");
  EXPECT_EQ(task_name("a/b/c", 2), "a/b");
  EXPECT_EQ(task_name("a/b/c", 0), "a/b/c");
  EXPECT_EQ(task_name("a", 3), "a");
  EXPECT_EQ(task_name("", 1), "");
}

}  // namespace
}  // namespace scalselect
