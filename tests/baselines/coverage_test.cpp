// The coverage methods: closed forms, their equal variants, and independence of threads.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "baselines/registry.h"
#include "core/parallel.h"
#include "selector/choose.h"
#include "tests/baselines/coverage_tables.h"

namespace scalselect {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using Json = nlohmann::json;
using Rows = std::vector<std::int64_t>;

Rows select_rows(const std::string& method, const Json& options, const MethodInput& input, std::int64_t budget) {
  return choose(make_method(method, options), input, Count{budget}).rows;
}

TEST(FacilityLocation, AllFormsAgreeWhenAllNeighborsAreKept) {
  const auto values = gaussian_rows(300, 5);
  const auto input = input_over(values, 5);
  for (const std::string metric : {"cosine", "cosine_shifted", "dot", "rbf"}) {
    const auto matrix = choose(make_method("facility_location", {{"metric", metric}}), input, Count{100});
    const Json computed{{"metric", metric}, {"form", "exact"}, {"exact_rows", 10}};
    const Json sparse{{"metric", metric}, {"form", "sparse"}, {"neighbors", 300}};
    EXPECT_EQ(select_rows("facility_location", computed, input, 100), matrix.rows) << metric;
    EXPECT_EQ(select_rows("facility_location", sparse, input, 100), matrix.rows) << metric;
    EXPECT_LT(matrix.facts["evaluations"], 300 * 100 / 4) << "lazy evaluation saves most of naive greedy's";
  }
}

TEST(FacilityLocation, ManyRowsAreKeptAsNeighborListsAndLoseLittle) {
  const auto values = gaussian_rows(2000, 4);
  const auto input = input_over(values, 4);
  const auto whole = choose(make_method("facility_location"), input, Count{100});
  const auto sparse = choose(make_method("facility_location", {{"exact_rows", 1999}}), input, Count{100});
  EXPECT_EQ(whole.facts["form"], "exact");
  EXPECT_EQ(sparse.facts["form"], "sparse");
  // What the sparse choice is worth under the exact function: a cover is as good as its rows' nearest cosines.
  const auto worth = [&](const Rows& chosen) {
    double sum = 0;
    for (std::size_t i = 0; i < 2000; ++i) {
      double best = 0;
      for (const auto j : chosen) {
        double product = 0, left = 0, right = 0;
        for (std::size_t c = 0; c < 4; ++c) {
          const double x = values[4 * i + c], y = values[4 * static_cast<std::size_t>(j) + c];
          product += x * y;
          left += x * x;
          right += y * y;
        }
        best = std::max(best, product / std::sqrt(left * right));
      }
      sum += best;
    }
    return sum;
  };
  EXPECT_NEAR(worth(whole.rows), whole.facts["value"], 0.01);
  EXPECT_GT(worth(sparse.rows), 0.995 * worth(whole.rows));
}

TEST(FacilityLocation, StochasticGreedyComesNearAndWithAllRowsDrawnIsGreedy) {
  const auto values = gaussian_rows(300, 5);
  const auto input = input_over(values, 5);
  const auto lazy = choose(make_method("facility_location"), input, Count{40});
  const auto drawn = choose(make_method("facility_location", {{"optimizer", "stochastic"}}), input, Count{40});
  EXPECT_GT(drawn.facts["value"].get<double>(), 0.95 * lazy.facts["value"].get<double>());
  EXPECT_NE(drawn.rows, lazy.rows);
  const Json seeded{{"optimizer", "stochastic"}};
  EXPECT_NE(select_rows("facility_location", seeded, input_over(values, 5, 2), 40), drawn.rows);
  const Json all{{"optimizer", "stochastic"}, {"epsilon", 1e-9}};
  EXPECT_EQ(select_rows("facility_location", all, input, 20), Rows(lazy.rows.begin(), lazy.rows.begin() + 20))
      << "300 / 20 * ln(1e9) > 300: every row is looked at";
}

TEST(FacilityLocation, TakesTheMiddleOfEachBundle) {
  // Angles 0, 10, 20 and 90, 100, 110 degrees and a lone 200.
  std::vector<float> values;
  for (const double degrees : {0, 10, 20, 90, 100, 110, 200}) {
    values.push_back(static_cast<float>(std::cos(degrees * M_PI / 180)));
    values.push_back(static_cast<float>(std::sin(degrees * M_PI / 180)));
  }
  const auto rows = select_rows("facility_location", {{"metric", "rbf"}, {"gamma", 4}}, input_over(values, 2), 3);
  EXPECT_THAT(rows, UnorderedElementsAre(1, 4, 6));
}

TEST(GraphCut, WithoutPenaltyRanksBySimilarityToThePool) {
  const std::vector<float> values{1, 2, 3, 4, -5};  // sum 5: s_ij summed over i is 5 x_j
  EXPECT_THAT(select_rows("graph_cut", {{"metric", "dot"}, {"lambda", 0}}, input_over(values, 1), 5),
              ElementsAre(3, 2, 1, 0, 4));
  // lambda 1/2: gains 5x - x^2/2 first, then less x * (sum of chosen).
  EXPECT_THAT(select_rows("graph_cut", {{"metric", "dot"}}, input_over(values, 1), 3), ElementsAre(3, 0, 1));
}

/// The next row by the definition, in float64.
std::int64_t herding_step(const std::vector<float>& values, std::size_t cols, const Rows& chosen, bool distance) {
  const std::size_t rows = values.size() / cols;
  std::vector<double> w(cols, 0);
  for (std::size_t i = 0; i < values.size(); ++i)
    w[i % cols] += static_cast<double>(chosen.size() + 1) * values[i] / static_cast<double>(rows);
  for (const auto row : chosen) {
    for (std::size_t j = 0; j < cols; ++j) w[j] -= values[static_cast<std::size_t>(row) * cols + j];
  }
  std::int64_t best = -1;
  double best_score = -INFINITY;
  for (std::size_t i = 0; i < rows; ++i) {
    if (std::find(chosen.begin(), chosen.end(), static_cast<std::int64_t>(i)) != chosen.end()) continue;
    double score = 0;
    for (std::size_t j = 0; j < cols; ++j) {
      const double x = values[i * cols + j];
      score += distance ? -(w[j] - x) * (w[j] - x) : w[j] * x;
    }
    if (score > best_score) {
      best_score = score;
      best = static_cast<std::int64_t>(i);
    }
  }
  return best;
}

TEST(Herding, FollowsTheMeanByEitherRule) {
  const auto values = gaussian_rows(80, 6);
  const auto input = input_over(values, 6);
  for (const bool distance : {false, true}) {
    Rows expected;
    while (expected.size() < 40) expected.push_back(herding_step(values, 6, expected, distance));
    const Json options{{"normalize", false}, {"rule", distance ? "distance" : "product"}};
    EXPECT_EQ(select_rows("herding", options, input, 40), expected) << distance;
  }
  EXPECT_EQ(select_rows("herding", {{"rule", "product"}}, input, 40),
            select_rows("herding", {{"rule", "distance"}}, input, 40))
      << "rows of length 1: one rule";
}

TEST(Herding, MeanErrorIsThatOfTheChosenRowsAndFallsFast) {
  const std::vector<float> line{-3, -1, 0, 4};
  const auto two =
      choose(make_method("herding", {{"normalize", false}, {"rule", "distance"}}), input_over(line, 1), Count{2});
  EXPECT_THAT(two.rows, ElementsAre(2, 1)) << "mean 0: first 0, then the nearest to 0";
  EXPECT_NEAR(two.facts["mean_error"], 0.5, 1e-12);
  const auto values = gaussian_rows(1000, 8);
  EXPECT_LT(choose(make_method("herding"), input_over(values, 8), Count{100}).facts["mean_error"], 0.02)
      << "1 / M, where a random choice has 1 / sqrt(M) = 0.1";
}

TEST(LogDet, SpansVolumeUntilTheRankIsUsedUp) {
  const std::vector<float> values{2, 2, 0, 3, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 2};
  const Json options{{"metric", "dot"}, {"ridge", 0}};
  const auto result = choose(make_method("log_det", options), input_over(values, 3), Count{5});
  EXPECT_THAT(result.rows, ElementsAre(1, 3, 4, 0, 2)) << "rank 3: then nothing is left to gain";
  EXPECT_NEAR(result.facts["log_det"], std::log(9.0 * 9 * 4), 1e-6);
}

TEST(D2Pruning, AChosenRowDampsItsNeighborOnly) {
  const std::vector<float> line{0, 0.5, 10, 11};
  const auto losses = loss_rows({3, 2.9, 1, 0.9});
  auto input = input_over(line, 1);
  input.features.push_back(table_over(losses, 3));
  const Json options{{"normalize", false}, {"neighbors", 1}, {"gamma", 0}};
  EXPECT_THAT(select_rows("d2_pruning", options, input, 4), ElementsAre(0, 2, 1, 3));
}

TEST(SelfFilter, ACopyOfAChosenRowIsWorthNothing) {
  const std::vector<float> values{1, 0, 1, 0, 0, 1, 0.6F, 0.8F};
  const auto losses = loss_rows({2, 1.9, 1, 0.5});
  auto input = input_over(values, 2);
  input.features.push_back(table_over(losses, 3));
  EXPECT_THAT(select_rows("self_filter", {{"neighbors", 1}}, input, 3), ElementsAre(0, 2, 1))
      << "row 2 takes 0.64 of 1 off row 3, which falls below row 1's -0.1";
}

/// Sizes 30, 10 and 20 at three corners.
std::vector<float> corners() {
  const auto noise = gaussian_rows(60, 3);
  std::vector<float> values;
  for (std::size_t i = 0; i < 60; ++i) {
    const std::size_t corner = i < 30 ? 0 : i < 40 ? 1 : 2;
    for (std::size_t j = 0; j < 3; ++j) values.push_back((j == corner ? 5.0F : 0.0F) + 0.1F * noise[3 * i + j]);
  }
  return values;
}

std::vector<std::int64_t> rows_a_corner(const Rows& rows) {
  std::vector<std::int64_t> counts(3, 0);
  for (const auto row : rows) ++counts[row < 30 ? 0 : row < 40 ? 1 : 2];
  return counts;
}

TEST(ClusterBalanced, GivesClustersTheirShares) {
  const auto values = corners();
  for (const bool spherical : {false, true}) {
    const auto input = input_over(values, 3);
    const Json equal{{"clusters", 3}, {"spherical", spherical}};
    const Json share{{"clusters", 3}, {"spherical", spherical}, {"allocation", "proportional"}};
    EXPECT_THAT(rows_a_corner(select_rows("cluster_balanced", equal, input, 12)), ElementsAre(4, 4, 4));
    EXPECT_THAT(rows_a_corner(select_rows("cluster_balanced", equal, input, 40)), ElementsAre(15, 10, 15));
    EXPECT_THAT(rows_a_corner(select_rows("cluster_balanced", share, input, 12)), ElementsAre(6, 2, 4));
    EXPECT_THAT(rows_a_corner(select_rows("cluster_balanced", share, input, 60)), ElementsAre(30, 10, 20));
  }
}

TEST(ClusterBalanced, NearestToTheCentreComesFirst) {
  const std::vector<float> line{0, 1, 2, 7, 100, 101, 106};  // centres 2.5 and 102.33
  const Json options{{"clusters", 2}, {"spherical", false}, {"within", "center"}};
  auto rows = select_rows("cluster_balanced", options, input_over(line, 1), 4);
  EXPECT_THAT(std::set<std::int64_t>(rows.begin(), rows.begin() + 2), ElementsAre(2, 5));
  EXPECT_THAT(std::set<std::int64_t>(rows.begin() + 2, rows.end()), ElementsAre(1, 4));
}

TEST(SemDeDup, CopiesAreDroppedFirstAndEpsilonIsTheOneThatFits) {
  auto values = corners();
  for (const std::size_t copy : {5U, 35U, 55U}) std::copy_n(values.begin() + 3, 3, values.begin() + 3 * copy);
  const auto result = choose(make_method("semdedup", {{"clusters", 3}}), input_over(values, 3), Count{57});
  Rows left{1, 5, 35, 55};
  for (const auto row : result.rows) left.erase(std::remove(left.begin(), left.end(), row), left.end());
  EXPECT_EQ(left.size(), 3U) << "one of four copies is kept";
  const double epsilon = result.facts["lowest_score"];
  for (std::size_t i = 0; i < 60; ++i) {
    const bool kept =
        std::find(result.rows.begin(), result.rows.end(), static_cast<std::int64_t>(i)) != result.rows.end();
    EXPECT_EQ(1 - result.scores[i] <= 1 - epsilon, kept);
  }
}

TEST(Coverage, ThreadsDoNotMatter) {
  const auto values = gaussian_rows(1300, 9);
  std::vector<double> losses;
  for (std::size_t i = 0; i < 1300; ++i) losses.push_back(std::abs(values[9 * i]) + 0.1);
  const auto loss_values = loss_rows(losses);
  for (const std::string method : {"facility_location", "graph_cut", "herding", "log_det", "cluster_balanced",
                                   "semdedup", "d2_pruning", "self_filter"}) {
    auto input = input_over(values, 9);
    if (make_method(method).needs.size() == 2) input.features.push_back(table_over(loss_values, 3));
    set_threads(1);
    const auto one = select_rows(method, Json::object(), input, 200);
    set_threads(8);
    EXPECT_EQ(select_rows(method, Json::object(), input, 200), one) << method;
    set_threads(0);
  }
}

}  // namespace
}  // namespace scalselect
