#include "core/sketch.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "core/parallel.h"
#include "core/rng.h"

namespace scalselect {
namespace {

using Vectors = std::vector<std::vector<float>>;

Vectors sketches(const SketchSpec& spec, const Vectors& x) {
  return sketch(spec, static_cast<std::int64_t>(x.size()), static_cast<std::int64_t>(x.front().size()),
                [&](std::int64_t i, std::int64_t first, std::int64_t count, float* out) {
                  std::copy_n(x[static_cast<std::size_t>(i)].begin() + first, count, out);
                });
}

double product(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// Unit vectors; neighbours share a direction. As a gradient, most of the length is in a few coordinates.
Vectors heavy_tailed(std::int64_t count, std::int64_t size) {
  Rng rng(4, "sketch_test");
  Vectors x(static_cast<std::size_t>(count), std::vector<float>(static_cast<std::size_t>(size)));
  for (auto& vector : x) {
    for (float& value : vector) value = static_cast<float>(std::pow(rng.normal(), 5));
  }
  for (std::size_t i = 1; i < x.size(); i += 2) {
    for (std::size_t j = 0; j < x[i].size(); ++j) x[i][j] += x[i - 1][j];
  }
  for (auto& vector : x) {
    const auto length = static_cast<float>(std::sqrt(product(vector, vector)));
    for (float& value : vector) value /= length;
  }
  return x;
}

class SketchKinds : public testing::TestWithParam<SketchKind> {};
INSTANTIATE_TEST_SUITE_P(All, SketchKinds,
                         testing::Values(SketchKind::kRademacher, SketchKind::kGaussian, SketchKind::kSparse));

/// Over many seeds the error of an inner product has mean 0 and the theoretical variance:
/// (|x|^2 |y|^2 + <x, y>^2 - 2 sum x_j^2 y_j^2) / dim for signs, without the last term for normals.
TEST_P(SketchKinds, KeepsInnerProductsOnAverage) {
  constexpr int kSeeds = 300, kDim = 64;
  const auto x = heavy_tailed(3, 300);
  std::vector<Vectors> drawn;
  for (int seed = 0; seed < kSeeds; ++seed) drawn.push_back(sketches({GetParam(), kDim, seed}, x));
  for (std::size_t a = 0; a < x.size(); ++a) {
    for (std::size_t b = a; b < x.size(); ++b) {
      const double truth = product(x[a], x[b]);
      double fourth = 0, sum = 0, squares = 0;
      for (std::size_t j = 0; j < x[a].size(); ++j) fourth += std::pow(x[a][j] * x[b][j], 2);
      for (const auto& s : drawn) {
        const double error = product(s[a], s[b]) - truth;
        sum += error;
        squares += error * error;
      }
      const double variance = (1 + truth * truth - (GetParam() == SketchKind::kGaussian ? 0 : 2 * fourth)) / kDim;
      EXPECT_LT(std::abs(sum / kSeeds), 4 * std::sqrt(variance / kSeeds)) << a << " " << b;
      EXPECT_NEAR(squares / kSeeds, variance, 0.35 * variance) << a << " " << b;
    }
  }
}

/// Johnson and Lindenstrauss: 200 vectors, every pair within 6 standard deviations of 1 / sqrt(dim) at most.
TEST_P(SketchKinds, KeepsEveryPairOfMany) {
  constexpr int kDim = 1024;
  const auto x = heavy_tailed(150, 600);
  const auto s = sketches({GetParam(), kDim, 7}, x);
  for (std::size_t a = 0; a < x.size(); ++a) {
    for (std::size_t b = a; b < x.size(); ++b) {
      ASSERT_NEAR(product(s[a], s[b]), product(x[a], x[b]), 6 * std::sqrt(2.0 / kDim)) << a << " " << b;
    }
  }
}

TEST_P(SketchKinds, IsOneLinearMapWhateverCompanyAndThreads) {
  const SketchSpec spec{GetParam(), 700, 3};  // neither a multiple of 512 nor of 64
  const auto x = heavy_tailed(5, 5003);
  set_threads(1);
  const auto together = sketches(spec, x);
  set_threads(4);
  EXPECT_EQ(sketches(spec, x), together);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(sketches(spec, {x[i]}).front(), together[i]);
  set_threads(0);
  std::vector<float> sum(x[0].size());
  for (std::size_t j = 0; j < sum.size(); ++j) sum[j] = 2 * x[0][j] - x[3][j];
  const auto of_sum = sketches(spec, {sum}).front();
  for (std::size_t k = 0; k < of_sum.size(); ++k) {
    ASSERT_NEAR(of_sum[k], 2 * together[0][k] - together[3][k], 1e-5) << k;
  }
  EXPECT_NE(sketches({GetParam(), 700, 4}, {x[0]}).front(), together[0]);
}

/// The columns of the matrix, from unit vectors.
TEST_P(SketchKinds, HasTheEntriesThatItsNameSays) {
  constexpr std::int64_t kDim = 70, kSize = 300;
  Vectors units(kSize, std::vector<float>(kSize));
  for (std::size_t i = 0; i < units.size(); ++i) units[i][i] = 1;
  const auto columns = sketches({GetParam(), kDim, 0}, units);
  double mean = 0;
  for (const auto& column : columns) {
    std::int64_t entries = 0;
    for (const float value : column) {
      entries += value != 0 ? 1 : 0;
      mean += value / std::sqrt(static_cast<double>(kSize * kDim));
      const float size = GetParam() == SketchKind::kRademacher ? 1 / std::sqrt(70.0F) : 1 / std::sqrt(8.0F);
      if (GetParam() != SketchKind::kGaussian && value != 0) {
        ASSERT_FLOAT_EQ(std::abs(value), size);
      }
    }
    EXPECT_EQ(entries, GetParam() == SketchKind::kSparse ? 8 : kDim);
  }
  EXPECT_LT(std::abs(mean), 4 / std::sqrt(static_cast<double>(kDim))) << "signs are fair";
}

}  // namespace
}  // namespace scalselect
