// What the coverage methods are made of: similarities, neighbour lists, greedy maximisation.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "baselines/neighbors.h"
#include "baselines/similarity.h"
#include "baselines/submodular.h"
#include "core/error.h"
#include "tests/baselines/coverage_tables.h"

namespace scalselect {
namespace {

using ::testing::ElementsAre;
using Rows = std::vector<std::int64_t>;

TableRows table_rows(const std::vector<float>& values, std::int64_t cols, bool normalize = false) {
  const auto table = table_over(values, cols);
  return load_rows(table, table.rows, normalize, "test");
}

/// `count` nearest by definition, in float64.
Rows plain_neighbors(const TableRows& table, std::int64_t i, std::int64_t count, Closeness closeness, bool self) {
  std::vector<std::pair<double, std::int64_t>> all;
  for (std::int64_t j = 0; j < table.size(); ++j) {
    if (j == i && !self) continue;
    double product = 0, square = 0;
    for (std::int64_t c = 0; c < table.cols; ++c) {
      product += static_cast<double>(table.row(i)[c]) * table.row(j)[c];
      square += std::pow(static_cast<double>(table.row(i)[c]) - table.row(j)[c], 2);
    }
    all.emplace_back(closeness == Closeness::kProduct ? -product : square, j);
  }
  std::sort(all.begin(), all.end());
  Rows rows;
  for (std::int64_t n = 0; n < count; ++n) rows.push_back(all[static_cast<std::size_t>(n)].second);
  return rows;
}

TEST(Neighbors, AreThoseOfTheDefinition) {
  auto values = gaussian_rows(1500, 6);
  std::copy_n(values.begin(), 6 * 5, values.begin() + 6 * 700);  // five pairs of copies, blocks apart
  const auto table = table_rows(values, 6);
  for (const auto closeness : {Closeness::kProduct, Closeness::kDistance}) {
    for (const bool self : {false, true}) {
      const auto found = nearest_neighbors(table, 9, closeness, self);
      for (std::int64_t i = 0; i < table.size(); i += 29) {
        const auto list = found.of(i);
        EXPECT_EQ(Rows(list.begin(), list.end()), plain_neighbors(table, i, 9, closeness, self)) << i;
      }
    }
  }
  EXPECT_EQ(nearest_neighbors(table, 2, Closeness::kDistance, false).values_of(702)[0], 0) << "its copy";
}

TEST(Neighbors, AreAllThereAreInASmallTable) {
  const std::vector<float> line{0, 1, 3};
  const auto found = nearest_neighbors(table_rows(line, 1), 50, Closeness::kDistance, false);
  EXPECT_EQ(found.count, 2);
  EXPECT_THAT(found.rows, ElementsAre(1, 2, 0, 2, 1, 0));
  EXPECT_THAT(found.values, ElementsAre(1, 3, 1, 2, 2, 3));
}

TEST(Similarity, SumsAndMatrixAreThoseOfThePairs) {
  const auto values = gaussian_rows(600, 5);
  for (const auto metric : {Metric::kCosine, Metric::kCosineShifted, Metric::kDot, Metric::kRbf}) {
    SimilarityOptions options;
    options.metric = metric;
    const auto table = table_rows(values, 5, options.normalized());
    const Similarity similarity(table, options);
    const auto sums = similarity.column_sums();
    const auto matrix = similarity_matrix(similarity, "test");
    std::vector<float> column(600);
    similarity.column(123, column.data());
    double sum = 0;
    for (std::int64_t i = 0; i < 600; ++i) {
      sum += similarity.at(i, 123);
      EXPECT_EQ(column[static_cast<std::size_t>(i)], similarity.at(i, 123));
      EXPECT_EQ(matrix[static_cast<std::size_t>(i * 600 + 123)], similarity.at(i, 123));
      EXPECT_EQ(matrix[static_cast<std::size_t>(i * 600 + 123)], matrix[static_cast<std::size_t>(123 * 600 + i)]);
    }
    EXPECT_NEAR(sums[123], sum, 1e-3);
  }
}

TEST(Similarity, DefaultGammaKnowsTheSpread) {
  const std::vector<float> line{0, 2, 4};
  const auto table = table_rows(line, 1);
  SimilarityOptions options;
  options.metric = Metric::kRbf;
  // Squared distances 0 4 16 4 0 4 16 4 0: mean 48 / 9.
  EXPECT_NEAR(Similarity(table, options).gamma(), 9.0 / 48, 1e-12);
  EXPECT_FLOAT_EQ(Similarity(table, options).at(0, 1), std::exp(-0.75F));
}

TEST(Similarity, RefusesAMatrixThatDoesNotFit) {
  TableRows huge;
  huge.rows.resize(4'000'000);
  huge.cols = 0;
  EXPECT_THROW(similarity_matrix(Similarity(huge, {}), "facility_location"), UserError);
}

/// Weighted coverage of few points by many small sets: ties everywhere.
class Coverage final : public SubmodularFunction {
 public:
  explicit Coverage(std::uint64_t seed) : sets_(200), covered_(60, false) {
    Rng rng(seed, "coverage_blocks_test");
    for (auto& set : sets_) {
      for (int n = 0; n < 4; ++n) set.push_back(rng.below(60));
    }
  }
  std::int64_t size() const override { return 200; }
  double gain(std::int64_t item) const override {
    double sum = 0;
    std::vector<bool> seen = covered_;
    for (const auto point : sets_[static_cast<std::size_t>(item)]) {
      sum += seen[point] ? 0 : 1;
      seen[point] = true;
    }
    return sum;
  }
  void add(std::int64_t item) override {
    for (const auto point : sets_[static_cast<std::size_t>(item)]) covered_[point] = true;
  }
  double value() const { return static_cast<double>(std::count(covered_.begin(), covered_.end(), true)); }

 private:
  std::vector<std::vector<std::size_t>> sets_;
  std::vector<bool> covered_;
};

Rows naive_greedy(SubmodularFunction& function, std::int64_t budget) {
  Rows items;
  while (static_cast<std::int64_t>(items.size()) < budget) {
    std::int64_t best = -1;
    double best_gain = -1;
    for (std::int64_t i = 0; i < function.size(); ++i) {
      if (std::find(items.begin(), items.end(), i) == items.end() && function.gain(i) > best_gain) {
        best_gain = function.gain(i);
        best = i;
      }
    }
    function.add(best);
    items.push_back(best);
  }
  return items;
}

TEST(Greedy, LazyIsNaiveTiesIncluded) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Coverage lazy(seed), naive(seed);
    const auto result = lazy_greedy(lazy, 200);
    EXPECT_EQ(result.items, naive_greedy(naive, 200));
    EXPECT_LT(result.evaluations, 200 * 201 / 2);
  }
}

TEST(Greedy, StochasticEvaluatesFewAndKeepsMost) {
  double lazy_value = 0, drawn_value = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Coverage lazy(seed), drawn(seed);
    lazy_greedy(lazy, 10);
    const auto result = stochastic_greedy(drawn, 10, 0.1, seed, "test");
    EXPECT_EQ(result.evaluations, 10 * 47) << "200 / 10 * ln 10 = 46.05";
    EXPECT_EQ(std::set<std::int64_t>(result.items.begin(), result.items.end()).size(), 10U);
    lazy_value += lazy.value();
    drawn_value += drawn.value();
  }
  EXPECT_GT(drawn_value, 0.85 * lazy_value);
}

}  // namespace
}  // namespace scalselect
