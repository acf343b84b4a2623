// COINCIDE, PRISM, RDS+ and two ScalSelect variants against their papers' formulas in numpy
// (golden/make_paper_methods.py), and cases that can be worked out by hand.
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <set>

#include "baselines/coincide.h"
#include "baselines/mmd.h"
#include "baselines/registry.h"
#include "core/error.h"
#include "core/parallel.h"
#include "selector/choose.h"
#include "selector/subspace.h"
#include "tests/baselines/table_test_util.h"

namespace scalselect {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using Json = nlohmann::json;
using Rows = std::vector<std::int64_t>;

Json golden(const char* part) {
  std::ifstream in(SCALSELECT_TEST_DATA "/paper_methods.json");
  return Json::parse(in).at(part);
}

MethodInput input_of(std::vector<FeatureTable> tables, std::uint64_t seed = 1) {
  MethodInput input;
  input.candidates = tables.front().rows;
  input.pool_size = input.candidates.back() + 1;
  input.features = std::move(tables);
  input.seed = seed;
  return input;
}

void expect_near(const std::vector<double>& ours, const std::vector<double>& theirs, double tolerance) {
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], tolerance) << i;
}

Rows numbered(std::int64_t count) {
  Rows rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

/// The golden's clusters with our joined features.
class Coincide : public testing::Test {
 protected:
  Coincide() {
    std::vector<FeatureTable> parts;
    for (const auto& part : data_["parts"]) parts.push_back(table_of(part.get<std::vector<float>>(), data_["width"]));
    table_ = coincide::joined_features(parts, parts[0].rows);
    input_ = input_of(parts);
    groups_.resize(5);
    for (std::size_t i = 0; i < data_["labels"].size(); ++i) {
      groups_[data_["labels"][i].get<std::size_t>()].push_back(static_cast<std::int64_t>(i));
    }
    for (const auto& group : groups_) sizes_.push_back(std::ssize(group));
  }

  std::vector<double> transfer(const char* centers, std::optional<double> near) const {
    const auto values = data_[centers].get<std::vector<float>>();
    return coincide::transferability({values.data(), 5, std::ssize(values) / 5}, sizes_, near);
  }

  Json data_ = golden("coincide");
  TableRows table_;
  MethodInput input_;
  std::vector<Rows> groups_;
  Rows sizes_;
};

TEST_F(Coincide, JoinsThePartsOfAllLayers) {
  expect_near({table_.values.begin(), table_.values.end()}, data_["joined"], 1e-6);
}

TEST_F(Coincide, TransferabilityLeavesOutNearTwins) {
  expect_near(transfer("language", 0.9), data_["transfer_language"], 1e-6);
  expect_near(transfer("language", 0.4), data_["transfer_language_near"], 1e-6);
  expect_near(transfer("centers", {}), data_["transfer_all"], 1e-6);
}

TEST_F(Coincide, TransferabilityWithoutOthersIsZero) {
  const std::vector<float> twins = {1, 0, 1, 0};
  EXPECT_THAT(coincide::transferability({twins.data(), 2, 2}, {3, 3}, 0.9), ElementsAre(0, 0));
  EXPECT_EQ(coincide::transferability({twins.data(), 2, 2}, {3, 0}, {})[0], 0) << "an empty cluster does not count";
  EXPECT_THAT(coincide::transferability({twins.data(), 2, 2}, {3, 3}, {}), ElementsAre(1, 1));
}

TEST_F(Coincide, SharesAndPrototypesAreTheAuthors) {
  for (const auto& [budget, quotas] : data_["quotas"].get<std::vector<std::pair<std::int64_t, Rows>>>()) {
    EXPECT_EQ(coincide::share_out(data_["score"], sizes_, budget, 0.1), quotas) << budget;
  }
  for (std::size_t c = 0; c < groups_.size(); ++c) {
    const auto means = kernel_means(table_, groups_[c], 1);
    double density = 0;
    for (const double mean : means) density += mean / static_cast<double>(means.size());
    EXPECT_NEAR(density, data_["density"][c].get<double>(), 1e-6);
    EXPECT_EQ(greedy_mmd(table_, groups_[c], means, sizes_[c], 1), data_["prototypes"][c].get<Rows>()) << c;
  }
}

TEST_F(Coincide, OneClusterIsThinnedByMmdAlone) {
  const auto method = make_method("coincide", {{"layers", {1, 2}}, {"clusters", 1}});
  EXPECT_EQ(choose(method, input_, Count{15}).rows, data_["prototypes_of_all"].get<Rows>());
}

TEST_F(Coincide, SeveralClustersFillTheBudgetWhateverTheThreads) {
  const auto method = make_method("coincide", {{"layers", {1, 2}}, {"clusters", 6}});
  for (const std::int64_t budget : {1, 13, 36}) {
    set_threads(1);
    const auto alone = choose(method, input_, Count{budget}).rows;
    EXPECT_EQ(std::set(alone.begin(), alone.end()).size(), static_cast<std::size_t>(budget));
    set_threads(8);
    EXPECT_EQ(choose(method, input_, Count{budget}).rows, alone);
    set_threads(0);
  }
}

TEST_F(Coincide, RowsFarApartHaveADensityToo) {
  const auto method =
      make_method("coincide", {{"layers", {1, 2}}, {"clusters", 3}, {"self_pairs", false}, {"sigma", 0.01}});
  EXPECT_EQ(choose(method, input_, Count{15}).rows.size(), 15U);
}

TEST_F(Coincide, AsksForTheAttentionOfItsLayers) {
  const auto needs = make_method("coincide", {{"layers", {4}}}).needs;
  ASSERT_EQ(needs.size(), 2U);
  EXPECT_EQ(feature_name(needs[0]), "hidden_mean(layer=4,tokens=visual,weights=uniform,state=attention)");
  EXPECT_EQ(feature_name(needs[1]), "hidden_mean(layer=4,tokens=behind_images,weights=uniform,state=attention)");
  EXPECT_THROW(make_method("coincide", {{"layers", Json::array()}}), UserError);
}

TEST(ShareOut, RoundsHalfToEvenAndHandsOnTheRest) {
  // 3 rows for ten equal clusters: 3/10, 3/9, 3/8, 3/7 and 3/6 round to 0, 3/5 to 1; 2/4 to 0, 2/3 to 1; 1/2 to 0.
  EXPECT_THAT(coincide::share_out(std::vector<double>(10, 0.0), Rows(10, 4), 3, 0.1),
              ElementsAre(0, 0, 0, 0, 0, 1, 0, 1, 0, 1));
  // The second cluster has one row only: the first gets 2, then the two that are still missing.
  EXPECT_THAT(coincide::share_out({0, 0}, {5, 1}, 5, 1), ElementsAre(4, 1));
  EXPECT_THAT(coincide::share_out({0, 9, 0}, {2, 0, 2}, 4, 0.1), ElementsAre(2, 0, 2)) << "empty clusters get nothing";
}

TEST(GreedyMmd, TakesTheMiddleFirstAndTheEarlierOfTwins) {
  TableRows line;
  line.cols = 1;
  line.values = {-1, 1, 0, 0, -1};
  line.rows = numbered(5);
  const Rows all = numbered(5);
  EXPECT_THAT(greedy_mmd(line, all, kernel_means(line, all, 1), 3, 1), ElementsAre(2, 0, 1));
}

TEST(Prism, RedundancyIsThePapersDoubleSum) {
  const auto data = golden("prism");
  const auto input = input_of({table_of(data["features"].get<std::vector<float>>(), 6)});
  for (const char* center : {"pool", "vector", "none"}) {
    const auto result = choose(make_method("prism", {{"center", center}}), input, Count{30});
    auto expected = data[center].get<std::vector<double>>();
    for (double& value : expected) value = -value;
    expect_near(result.scores, expected, 1e-6);
    const auto high = choose(make_method("prism", {{"center", center}, {"keep", "high"}}), input, Count{30}).rows;
    EXPECT_EQ(Rows(high.rbegin(), high.rend()), result.rows);
  }
}

TEST(Prism, EqualImagesTieByRowAndTheMeanItselfIsNotRedundant) {
  // The mean of 1, 1, -1, -1, 0 is 0: rows 0 and 1 agree with each other and oppose 2 and 3.
  const auto input = input_of({table_of({1, 0, 1, 0, -1, 0, -1, 0, 0, 0}, 2)});
  const auto result = choose(make_method("prism"), input, Count{5});
  EXPECT_THAT(result.scores, ElementsAre(0.25, 0.25, 0.25, 0.25, 0));
  EXPECT_THAT(result.rows, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(feature_name(make_method("prism").needs[0]), feature_name(make_method("scalselect_all_tokens").needs[0]))
      << "one extraction serves both";
}

class RdsPlusTarget : public testing::Test {
 protected:
  RdsPlusTarget() : input_(input_of({table_of(data_["rows"].get<std::vector<float>>(), 5)})) {
    TargetInput target;
    target.features = {table_of(data_["targets"].get<std::vector<float>>(), 5)};
    target.rows = target.features[0].rows;
    target.tasks = data_["tasks"];
    input_.target = std::move(target);
  }
  Json data_ = golden("rds");
  MethodInput input_;
};

TEST_F(RdsPlusTarget, SamplesTakeRowsInTurn) {
  const auto method = make_method("rds_plus");
  EXPECT_EQ(choose(method, input_, Count{33}).rows, data_["by_sample"].get<Rows>());
  EXPECT_EQ(method.target_needs.size(), 1U);
  EXPECT_FALSE(method.requires_target);
  auto other = input_;
  other.seed = 9;
  EXPECT_EQ(choose(method, other, Count{33}).rows, data_["by_sample"].get<Rows>()) << "nothing is drawn";
}

TEST_F(RdsPlusTarget, TasksTakeRowsInTurn) {
  EXPECT_EQ(choose(make_method("rds_plus", {{"turns", "task"}}), input_, Count{33}).rows, data_["by_task"].get<Rows>());
}

TEST_F(RdsPlusTarget, SkipsTargetSamplesWithoutFeatures) {
  auto fewer = input_;
  fewer.target->rows = {1, 4};
  const auto rows = choose(make_method("rds_plus", {{"turns", "task"}}), fewer, Count{40});
  EXPECT_EQ(std::set(rows.rows.begin(), rows.rows.end()).size(), 40U);
  EXPECT_EQ(rows.facts["queries"], 2);
}

class Subspace : public testing::Test {
 protected:
  Json options() const { return {{"features", {{"subspace", {{"directions", data_["k"]}}}}}}; }
  Json data_ = golden("subspace");
  MethodInput input_ = input_of({table_of(data_["x"].get<std::vector<float>>(), 7)});
};

TEST_F(Subspace, PivotsGoRoundByRound) {
  const auto result = choose(make_method("scalselect_pivoted", options()), input_, Count{50});
  EXPECT_EQ(result.rows, data_["pivots"].get<Rows>());
  const auto leverage = choose(make_method("scalselect", options()["features"]), input_, Count{1});
  EXPECT_EQ(result.rows[0], leverage.rows[0]);
}

TEST_F(Subspace, ResidualIsWhatTheDirectionsLeave) {
  const auto result = choose(make_method("scalselect_residual", options()), input_, Count{50});
  expect_near(result.scores, data_["residuals"], 1e-5);
}

TEST(Pivoted, CopiesComeInLaterRoundsAndTheMeanComesLast) {
  const auto input = input_of({table_of({3, 0, -3, 0, 0, 2, 0, -2, 3, 0, -3, 0, 0, 0}, 2)});
  const Json both{{"features", {{"subspace", {{"directions", 2}}}}}};
  // Leverage 9/36 for rows 0, 1, 4, 5 and 4/8 for 2 and 3: a round is one of each axis.
  EXPECT_THAT(choose(make_method("scalselect_pivoted", both), input, Count{7}).rows, ElementsAre(2, 0, 3, 1, 4, 5, 6));
}

TEST(Sampled, DrawsInProportionToLeverage) {
  // Centred squares 8, 2 | 2, 8 ... on one axis: leverages 0.4, 0.1, 0.1, 0.4 of 1.
  const auto input = input_of({table_of({2, 1, -1, -2}, 1)});
  const auto method = make_method("scalselect_sampled");
  std::array<int, 4> first{};
  auto seeded = input;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    seeded.seed = seed;
    ++first[static_cast<std::size_t>(choose(method, seeded, Count{1}).rows[0])];
  }
  EXPECT_NEAR(first[0], 1600, 150);  // 5 standard deviations: 155
  EXPECT_NEAR(first[1], 400, 95);
  EXPECT_NEAR(first[2], 400, 95);
  EXPECT_NEAR(first[3], 1600, 150);
}

TEST(Sampled, LeverageZeroComesLast) {
  const auto input = input_of({table_of({0, 0, 1, -1}, 1)});
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    auto seeded = input;
    seeded.seed = seed;
    const auto rows = choose(make_method("scalselect_sampled"), seeded, Count{4}).rows;
    EXPECT_THAT(Rows(rows.begin() + 2, rows.end()), ElementsAre(0, 1));
  }
}

TEST(Clustered, EveryClusterSendsItsLongestInTurn) {
  // Two far groups of 4 and 2 on a line; the mean is 0. Places: (r + 1/2) / n.
  const auto input = input_of({table_of({10, 11, 12, 13, -22, -24}, 1)});
  const auto result = choose(make_method("scalselect_clustered", {{"clusters", 2}}), input, Count{6});
  // 1/8: row 3; 1/4: row 5; 3/8: row 2; 5/8: row 1; 3/4: row 4; 7/8: row 0
  EXPECT_THAT(result.rows, ElementsAre(3, 5, 2, 1, 4, 0));
}

TEST(Variants, TowerAndLastLayerNameTheirFeatures) {
  EXPECT_EQ(feature_name(make_method("scalselect_tower").needs[0]), "tower_mean");
  EXPECT_EQ(feature_name(make_method("scalselect_last_layer").needs[0]),
            "pooled_visual(hidden_layer=-1,attention_layer=1,roles=strict,mass=0.9)");
}

TEST(Ifd, RatioAboveOneComesLast) {
  // Given: 1, 2, 3, 1; alone: 2, 2.5, 2, 4 -> ratios 0.5, 0.8, 1.5, 0.25.
  const auto input = input_of({table_of({2, 2, 1, 0, 4, 2, 2, 0, 3, 1, 3, 0, 4, 4, 1, 0}, 4),
                               table_of({4, 2, 2, 0, 5, 2, 2.5, 0, 4, 2, 2, 0, 4, 1, 4, 0}, 4)});
  const auto result = choose(make_method("ifd"), input, Count{4});
  EXPECT_THAT(result.rows, ElementsAre(1, 0, 3, 2));
  EXPECT_EQ(result.facts["above_one"], 1);
  EXPECT_THAT(choose(make_method("ifd", {{"discard_above_one", false}}), input, Count{4}).rows,
              ElementsAre(2, 1, 0, 3));
  const auto scores = choose(make_method("ifd", {{"ratio", "perplexity"}}), input, Count{4}).scores;
  EXPECT_NEAR(scores[1], std::exp(-0.5), 1e-12);
  EXPECT_EQ(feature_name(make_method("ifd").needs[1]), "answer_loss(context=none)");
}

TEST(El2n, MeanErrorNormHardestFirst) {
  // Error norms 1.2 over 2 tokens, 1.4 over 4, 0.9 over 1.
  const auto input = input_of({table_of({0, 2, 0, 1.2F, 0, 4, 0, 1.4F, 0, 1, 0, 0.9F}, 4)});
  EXPECT_THAT(choose(make_method("el2n"), input, Count{3}).rows, ElementsAre(2, 0, 1));
  EXPECT_THAT(choose(make_method("el2n", {{"part", "easy"}}), input, Count{2}).rows, ElementsAre(1, 0));
}

}  // namespace
}  // namespace scalselect
