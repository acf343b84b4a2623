#include "baselines/kmeans.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "core/files.h"
#include "core/parallel.h"
#include "core/rng.h"

namespace scalselect {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

struct Golden {
  json tree = json::parse(read_file(SCALSELECT_TEST_DATA "/kmeans.json"));
  std::int64_t cols = tree["cols"];
  std::vector<float> values = tree["matrix"];

  MatrixView rows() const { return {values.data(), static_cast<std::int64_t>(values.size()) / cols, cols}; }
};

std::vector<float> gaussian(std::int64_t count) {
  Rng rng(3, "kmeans_test");
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(rng.normal()));
  return values;
}

void expect_golden(const KMeansResult& result, const json& golden) {
  EXPECT_EQ(result.rows.cluster, golden["labels"].get<std::vector<std::int32_t>>());
  EXPECT_THAT(result.centers, Pointwise(FloatNear(2e-5F), golden["centers"].get<std::vector<float>>()));
  EXPECT_NEAR(result.inertia, golden["inertia"], 1e-5 * golden["inertia"].get<double>());
}

TEST(KMeans, FromGivenCentresIsScikitLearns) {
  const Golden golden;
  for (const char* name : {"lloyd", "two_steps", "lost"}) {
    SCOPED_TRACE(name);
    KMeansOptions options;
    options.max_iterations = std::string(name) == "two_steps" ? 2 : 300;
    const std::vector<float> initial = golden.tree[name]["initial"];
    const auto result = kmeans(golden.rows(), options, 1, initial);
    expect_golden(result, golden.tree[name]);
    EXPECT_EQ(result.converged, std::string(name) != "two_steps");
  }
}

TEST(KMeans, SphericalIsFaiss) {
  Golden golden;
  for (float& value : golden.values) value -= golden.tree["spherical"]["shift"].get<float>();
  KMeansOptions options;
  options.spherical = true;
  options.max_iterations = 25;
  const std::vector<float> initial(golden.values.begin(), golden.values.begin() + 6 * golden.cols);
  expect_golden(kmeans(golden.rows(), options, 1, initial), golden.tree["spherical"]);
}

TEST(KMeans, ReachesTheInertiaOfScikitLearnsBest) {
  const Golden golden;
  for (const auto& mark : golden.tree["best"]) {
    KMeansOptions options;
    options.clusters = mark["clusters"];
    options.max_iterations = 300;
    double best = INFINITY;
    for (std::uint64_t seed = 1; seed <= 30; ++seed)
      best = std::min(best, kmeans(golden.rows(), options, seed).inertia);
    EXPECT_LT(best, 1.005 * mark["inertia"].get<double>()) << options.clusters;
  }
}

TEST(KMeans, PlusPlusStartsBetterThanRandom) {
  const Golden golden;
  double drawn[2] = {0, 0};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const bool random : {false, true}) {
      KMeansOptions options;
      options.clusters = 10;
      options.max_iterations = 0;
      options.init = random ? KMeansInit::kRandom : KMeansInit::kPlusPlus;
      drawn[random] += kmeans(golden.rows(), options, seed).inertia;
    }
  }
  EXPECT_LT(drawn[0], 0.8 * drawn[1]);
}

TEST(KMeans, MiniBatchesComeNearLloyd) {
  const Golden golden;
  KMeansOptions options;
  options.clusters = 10;
  options.max_iterations = 40;
  const double whole = kmeans(golden.rows(), options, 1).inertia;
  options.batch = 32;
  const auto batches = kmeans(golden.rows(), options, 1);
  EXPECT_LT(batches.inertia, 1.25 * whole);
  EXPECT_EQ(std::accumulate(batches.sizes.begin(), batches.sizes.end(), std::int64_t{0}), 200);
}

TEST(KMeans, EmptyClustersMoveOrStay) {
  const std::vector<float> values{0, 1, 10, 11}, initial{0.5, 100};
  KMeansOptions options;
  const auto moved = kmeans({values.data(), 4, 1}, options, 1, initial);
  EXPECT_THAT(moved.rows.cluster, ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(moved.sizes, ElementsAre(2, 2));
  EXPECT_EQ(moved.imbalance, 1);
  options.empty = EmptyCluster::kKeep;
  const auto kept = kmeans({values.data(), 4, 1}, options, 1, initial);
  EXPECT_THAT(kept.centers, ElementsAre(5.5F, 100.0F));
  EXPECT_EQ(kept.imbalance, 2) << "all in one of two clusters";
}

TEST(KMeans, MoreClustersThanRowsAndCopies) {
  const std::vector<float> values{1, 1, 1, 2};
  KMeansOptions options;
  options.clusters = 9;
  const auto result = kmeans({values.data(), 4, 1}, options, 1);
  EXPECT_EQ(result.clusters, 4);
  EXPECT_EQ(result.inertia, 0);
}

TEST(KMeans, ThreadsDoNotMatter) {
  const auto values = gaussian(1500 * 7);
  for (const std::int64_t batch : {0, 100}) {
    for (const bool spherical : {false, true}) {
      KMeansOptions options;
      options.clusters = 20;
      options.spherical = spherical;
      options.batch = batch;
      options.max_iterations = 5;
      set_threads(1);
      const auto one = kmeans({values.data(), 1500, 7}, options, 4);
      set_threads(8);
      const auto eight = kmeans({values.data(), 1500, 7}, options, 4);
      set_threads(0);
      EXPECT_EQ(one.centers, eight.centers);
      EXPECT_EQ(one.rows.cluster, eight.rows.cluster);
      EXPECT_EQ(one.rows.distance, eight.rows.distance);
      EXPECT_NE(kmeans({values.data(), 1500, 7}, options, 5).centers, one.centers);
    }
  }
}

TEST(KMeans, SphericalIgnoresLengths) {
  auto values = gaussian(300 * 5);
  KMeansOptions options;
  options.spherical = true;
  const auto plain = kmeans({values.data(), 300, 5}, options, 2);
  for (std::size_t at = 0; at < values.size(); ++at) values[at] *= static_cast<float>(1 << (at / 5 % 4));
  EXPECT_EQ(kmeans({values.data(), 300, 5}, options, 2).rows.cluster, plain.rows.cluster);
  for (std::int64_t c = 0; c < plain.clusters; ++c) {
    const auto center = plain.center_rows(5).row(c);
    EXPECT_NEAR(std::inner_product(center.begin(), center.end(), center.begin(), 0.0), 1, 1e-6);
  }
}

TEST(KMeans, AssignsNewRowsAndListsMembers) {
  const std::vector<float> centers{0, 0, 4, 0}, values{1, 0, 3, 1, 2, 0, -1, 0};
  const auto found = assign_rows({values.data(), 4, 2}, {centers.data(), 2, 2}, false);
  EXPECT_THAT(found.cluster, ElementsAre(0, 1, 0, 0)) << "halfway goes to the first";
  EXPECT_THAT(found.distance, ElementsAre(1, 2, 4, 1));
  EXPECT_THAT(cluster_members(found, 3), ElementsAre(ElementsAre(0, 2, 3), ElementsAre(1), ElementsAre()));
}

}  // namespace
}  // namespace scalselect
