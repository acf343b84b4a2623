#include "selector/subspace.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <Eigen/Dense>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "selector/finite_blocks.h"

namespace scalselect {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

RowMatrix random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t seed = 1) {
  Rng rng(seed, "subspace_test");
  RowMatrix matrix(rows, cols);
  for (std::int64_t i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<float>(rng.normal());
  return matrix;
}

/// Columns whose singular values fall geometrically from 1 to 1 / condition, mixed by a rotation.
RowMatrix ill_conditioned(std::int64_t rows, std::int64_t cols, double condition) {
  const Eigen::MatrixXd left = random_matrix(rows, cols, 2).cast<double>();
  const Eigen::MatrixXd right = random_matrix(cols, cols, 3).cast<double>();
  const Eigen::MatrixXd u =
      Eigen::HouseholderQR<Eigen::MatrixXd>(left).householderQ() * Eigen::MatrixXd::Identity(rows, cols);
  const Eigen::MatrixXd v = Eigen::HouseholderQR<Eigen::MatrixXd>(right).householderQ();
  Eigen::VectorXd values(cols);
  for (std::int64_t j = 0; j < cols; ++j)
    values[j] = std::pow(condition, -static_cast<double>(j) / static_cast<double>(cols - 1));
  return (100.0 * u * values.asDiagonal() * v.transpose()).cast<float>();
}

SubspaceScores scores_of(const RowMatrix& matrix, const SubspaceOptions& options) {
  return score_rows(MemoryRows(MatrixView{matrix.data(), matrix.rows(), matrix.cols()}), options);
}

/// Leverage by a float64 SVD of the centred matrix.
Eigen::VectorXd oracle(const RowMatrix& matrix, std::int64_t k, bool center = true) {
  Eigen::MatrixXd z = matrix.cast<double>();
  if (center) z.rowwise() -= z.colwise().mean().eval();
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(z, Eigen::ComputeThinU);
  return svd.matrixU().leftCols(k).rowwise().squaredNorm();
}

double worst_relative(const SubspaceScores& scores, const Eigen::VectorXd& expected) {
  double worst = 0;
  for (Eigen::Index i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(scores.scores[static_cast<std::size_t>(i)] - expected[i]) / expected[i]);
  }
  return worst;
}

SubspaceOptions fixed(std::int64_t k, bool center = true) {
  SubspaceOptions options;
  options.directions = k;
  options.center = center;
  return options;
}

TEST(Subspace, AgreesWithNumpyUnderEveryPreparation) {
  const auto golden = nlohmann::json::parse(read_file(std::filesystem::path(SCALSELECT_TEST_DATA) / "scores.json"));
  const auto values = golden["matrix"].get<std::vector<float>>();
  const MemoryRows rows(MatrixView{values.data(), golden["rows"], golden["cols"]});
  for (const auto& item : golden["cases"]) {
    SubspaceOptions options;
    options.center = item["center"];
    options.standardize = item["standardize"];
    options.l2_normalize = item["l2_normalize"];
    options.energy = item["energy"];
    const auto result = score_rows(rows, options);
    EXPECT_EQ(result.directions, item["k"]) << item.dump().substr(0, 90);
    for (std::size_t i = 0; i < result.scores.size(); ++i) {
      EXPECT_NEAR(result.scores[i] / item["scores"][i].get<double>(), 1, 1e-9);
    }
  }
}

TEST(Subspace, AgreesWithASvdOnIllConditionedData) {
  for (const double condition : {1e2, 1e4, 1e6, 1e7}) {
    const auto matrix = ill_conditioned(300, 24, condition);
    // float32 rounding of the matrix itself sets the floor of its spectrum, so the SVD of the rounded one is the
    // reference.
    for (const std::int64_t k : {1, 12, 18, 24}) {
      const auto result = scores_of(matrix, fixed(k));
      EXPECT_EQ(result.directions, k);
      EXPECT_LT(worst_relative(result, oracle(matrix, k)), 1e-6) << "condition " << condition << ", k " << k;
    }
  }
}

/// Condition 1e6 and beyond that float32 entries do hold: columns of very different size.
TEST(Subspace, AgreesWithASvdOnBadlyScaledColumns) {
  for (const double condition : {1e6, 1e8, 1e9}) {
    RowMatrix matrix = random_matrix(400, 16, 5);
    for (std::int64_t j = 0; j < 16; ++j)
      matrix.col(j) *= static_cast<float>(std::pow(condition, -static_cast<double>(j) / 15));
    const auto result = scores_of(matrix, fixed(16));
    EXPECT_TRUE(result.refined);
    EXPECT_EQ(result.rank, 16);
    EXPECT_LT(worst_relative(result, oracle(matrix, 16)), 1e-6) << condition;
  }
}

TEST(Subspace, SkipsTheCorrectionWhereTheGramMatrixIsGoodEnough) {
  const auto matrix = ill_conditioned(300, 24, 1e6);
  SubspaceOptions options;
  const auto result = scores_of(matrix, options);
  EXPECT_FALSE(result.refined);
  EXPECT_LT(worst_relative(result, oracle(matrix, result.directions)), 1e-8);
}

TEST(Subspace, ScoresSumToTheNumberOfDirections) {
  const auto result = scores_of(random_matrix(500, 20), {});
  double sum = 0;
  for (const double score : result.scores) {
    sum += score;
    EXPECT_GE(score, 0);
    EXPECT_LE(score, 1 + 1e-12);
  }
  EXPECT_NEAR(sum, static_cast<double>(result.directions), 1e-9);
  EXPECT_GE(result.energy_kept, 0.9);
}

TEST(Subspace, DoublingEveryRowHalvesTheScores) {
  const auto once = random_matrix(60, 7);
  RowMatrix twice(120, 7);
  twice << once, once;
  const auto a = scores_of(once, {}), b = scores_of(twice, {});
  for (std::size_t i = 0; i < a.scores.size(); ++i) {
    EXPECT_NEAR(b.scores[i], a.scores[i] / 2, 1e-12);
    EXPECT_NEAR(b.scores[i + 60], b.scores[i], 1e-15);
  }
}

TEST(Subspace, RankDeficientDataNeverUsesWhatIsNotThere) {
  const RowMatrix matrix = random_matrix(200, 3, 8) * random_matrix(3, 12, 9);
  // Rounding to float32 leaves a floor of about 1e-7; an exact copy of columns has none.
  RowMatrix exact(200, 6);
  exact << random_matrix(200, 3, 8), random_matrix(200, 3, 8);
  const auto result = scores_of(exact, fixed(6));
  EXPECT_EQ(result.rank, 3);
  EXPECT_EQ(result.directions, 3);
  EXPECT_LT(worst_relative(result, oracle(exact, 3)), 1e-6);
  SubspaceOptions all;
  all.energy = 1.0;
  EXPECT_EQ(scores_of(exact, all).directions, 3);
  EXPECT_LT(worst_relative(scores_of(matrix, {}), oracle(matrix, scores_of(matrix, {}).directions)), 1e-6);
}

TEST(Subspace, FewerRowsThanColumns) {
  const auto matrix = random_matrix(9, 40, 4);
  const auto result = scores_of(matrix, fixed(40));
  EXPECT_EQ(result.energy.size(), 9U);
  EXPECT_EQ(result.directions, 8) << "centring takes one direction";
  for (const double score : result.scores) EXPECT_NEAR(score, 8.0 / 9, 1e-9);
  EXPECT_LT(worst_relative(scores_of(matrix, {}), oracle(matrix, scores_of(matrix, {}).directions)), 1e-9);
  EXPECT_EQ(scores_of(random_matrix(1, 5), {}).directions, 0) << "one row is its own mean";
}

TEST(Subspace, EqualRowsHaveNoDirectionAndNoScore) {
  RowMatrix matrix(300, 6);
  matrix.rowwise() = random_matrix(1, 6).row(0);
  matrix.col(0).setConstant(0.1F);  // whose mean is not 0.1 to the last bit
  for (const bool standardize : {false, true}) {
    SubspaceOptions options;
    options.standardize = standardize;
    options.l2_normalize = standardize;
    const auto result = scores_of(matrix, options);
    EXPECT_EQ(result.directions, 0);
    for (const double score : result.scores) EXPECT_EQ(score, 0);
  }
  EXPECT_EQ(scores_of(matrix, fixed(1, false)).directions, 1);
}

TEST(Subspace, ConstantColumnsChangeNothing) {
  for (const std::int64_t rows : {80, 150, 200, 333, 1000}) {
    for (const float constant : {1e4F, 0.1F, -3.3e-20F}) {
      const auto plain = random_matrix(rows, 5);
      RowMatrix padded(rows, 7);
      padded << plain.leftCols(2), RowMatrix::Constant(rows, 1, constant), plain.rightCols(3), RowMatrix::Zero(rows, 1);
      for (const bool standardize : {false, true}) {
        SubspaceOptions options;
        options.standardize = standardize;
        const auto a = scores_of(plain, options), b = scores_of(padded, options);
        EXPECT_EQ(a.directions, b.directions) << rows << " rows of " << constant;
        for (std::size_t i = 0; i < a.scores.size(); ++i) EXPECT_NEAR(a.scores[i], b.scores[i], 1e-12);
      }
    }
  }
}

/// As NumPy's X / X.std(axis=0), with 0 counted as 1, where nothing is centred.
TEST(Subspace, AConstantColumnKeepsItsScaleWhereRowsAreNotCentred) {
  const std::int64_t rows = 200;
  RowMatrix matrix = random_matrix(rows, 5);
  matrix.col(2).setConstant(0.1F);
  SubspaceOptions options;
  options.standardize = true;
  options.center = false;
  EXPECT_GT(scores_of(matrix, options).directions, 3);
}

TEST(Subspace, RowsThatAreNotFiniteAreListedAndLeftOut) {
  RowMatrix matrix = random_matrix(30, 4);
  RowMatrix without(28, 4);
  without << matrix.topRows(3), matrix.middleRows(4, 16), matrix.bottomRows(9);
  matrix(3, 1) = NAN;
  matrix(20, 2) = INFINITY;
  const auto result = scores_of(matrix, {}), expected = scores_of(without, {});
  EXPECT_THAT(result.excluded, ElementsAre(3, 20));
  EXPECT_TRUE(std::isnan(result.scores[3]));
  EXPECT_TRUE(std::isnan(result.scores[20]));
  EXPECT_EQ(result.scores[0], expected.scores[0]);
  EXPECT_EQ(result.scores[29], expected.scores[27]);
  EXPECT_THAT(expected.excluded, IsEmpty());
  matrix.setConstant(NAN);
  EXPECT_THROW(scores_of(matrix, {}), UserError);
}

TEST(Subspace, LargeMeansDoNotDrownTheSpread) {
  RowMatrix matrix = random_matrix(20000, 6, 6);
  matrix.array() *= 0.01F;
  matrix.col(0).array() += 1000;
  matrix.col(1).array() -= 500;
  EXPECT_LT(worst_relative(scores_of(matrix, fixed(6)), oracle(matrix, 6)), 1e-8);
}

TEST(Subspace, SameBitsWhateverTheThreads) {
  const auto matrix = random_matrix(20000, 150, 10);
  const auto steep = ill_conditioned(500, 150, 1e7);
  std::vector<SubspaceScores> plain, refined;
  for (const int threads : {1, 2, 3, 8}) {
    set_threads(threads);
    plain.push_back(scores_of(matrix, {}));
    refined.push_back(scores_of(steep, fixed(150)));
  }
  set_threads(0);
  for (std::size_t i = 1; i < plain.size(); ++i) {
    EXPECT_EQ(plain[i].scores, plain[0].scores);
    EXPECT_EQ(plain[i].energy, plain[0].energy);
    EXPECT_EQ(refined[i].scores, refined[0].scores);
    EXPECT_TRUE(refined[i].refined);
  }
}

/// A source that makes its rows when asked and remembers how many were asked at once.
class Endless final : public RowSource {
 public:
  Endless(std::int64_t rows, std::int64_t cols) : rows_(rows), cols_(cols) {}
  std::int64_t rows() const override { return rows_; }
  std::int64_t cols() const override { return cols_; }
  void read(std::int64_t first, std::int64_t count, float* out) const override {
    largest = std::max(largest, count);
    for (std::int64_t i = 0; i < count * cols_; ++i) {
      const auto bits = static_cast<std::uint64_t>(first * cols_ + i) * 0x9e3779b97f4a7c15ULL;
      out[i] = static_cast<float>(bits >> 40) * 0x1p-24F;
    }
  }
  mutable std::int64_t largest = 0;

 private:
  std::int64_t rows_, cols_;
};

TEST(Subspace, ReadsNoMoreThanOneBlockAtATime) {
  const Endless source(50000, 64);
  EXPECT_EQ(score_rows(source, {}).scores.size(), 50000U);
  EXPECT_LE(source.largest, subspace_block_rows(64));
}

/// Peak resident bytes of a child process that scores `rows` x `cols`.
double peak_of(std::int64_t rows, std::int64_t cols) {
  const pid_t child = ::fork();
  if (child == 0) {
    set_threads(1);
    ::_exit(score_rows(Endless(rows, cols), {}).refined ? 1 : 0);
  }
  rusage usage{};
  int status = 0;
  ::wait4(child, &status, 0, &usage);
  EXPECT_EQ(status, 0);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

/// The bound that the header states, on top of what a process takes anyway.
TEST(Subspace, MemoryIsBoundedWhateverTheNumberOfRows) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer keeps memory of its own";
#endif
  constexpr std::int64_t kCols = 256, kFew = 2 * 8192, kMany = 12 * 8192;
  const double idle = peak_of(1, 1), few = peak_of(kFew, kCols), many = peak_of(kMany, kCols);
  EXPECT_LT(many - few, 8.0 * (kMany - kFew) + 4e6) << "only the scores grow";
  const double block = static_cast<double>(subspace_block_rows(kCols)) * kCols;
  const double bound = 8 * (4.0 * kCols * kCols + 3.1 * block + 256.0 * kCols + kMany);
  EXPECT_LT(many - idle, bound + 8e6) << "8 MB for OpenBLAS and the allocator";
}

}  // namespace
}  // namespace scalselect
