#include "selector/linalg.h"

#include <Eigen/src/misc/lapacke.h>
#include <cblas.h>
#include <dlfcn.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <string>

#include "core/parallel.h"
namespace scalselect {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(OpenBlasCore, IsLeftAloneWhereOpenBlasKnowsTheCpuOrTheUserChose) {
  const std::string core = openblas_get_corename();
  if (core != "Prescott" && core != "Nehalem") {
    EXPECT_EQ(better_openblas_core(), nullptr) << core;
  }
  const char* before = std::getenv("OPENBLAS_CORETYPE");
  if (before == nullptr) setenv("OPENBLAS_CORETYPE", "HASWELL", 1);
  EXPECT_EQ(better_openblas_core(), nullptr);
  if (before == nullptr) unsetenv("OPENBLAS_CORETYPE");
}

TEST(OpenBlasCore, IsNamedWhereOldKernelsRunOnANewCpu) {
  const std::string core = openblas_get_corename();
  const bool young = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!young || (core != "Prescott" && core != "Nehalem") || std::getenv("OPENBLAS_CORETYPE") != nullptr) {
    GTEST_SKIP() << "OpenBLAS runs " << core << " kernels here, as it should";
  }
  EXPECT_THAT(better_openblas_core(), AnyOf(std::string("SKYLAKEX"), std::string("HASWELL")));
}

TEST(Blas, ComputesOnTheCallingThreadAndSaysWhatItIs) {
  EXPECT_EQ(openblas_get_num_threads(), 1);
  EXPECT_THAT(blas_description(), MatchesRegex("OpenBLAS [0-9.]+, [A-Za-z0-9]+ kernels, 1 thread at a time"));
  EXPECT_THAT(blas_description(), HasSubstr(openblas_get_corename()));
}

/// In a shared library it could be another one wherever LibTorch, which exports the same names, is loaded.
TEST(Blas, IsPartOfTheProgramAndNotExported) {
  int (*const here)() = [] { return 0; };
  Dl_info program{}, blas{}, lapack{};
  ASSERT_NE(dladdr(reinterpret_cast<const void*>(here), &program), 0);
  ASSERT_NE(dladdr(reinterpret_cast<const void*>(&cblas_dgemm), &blas), 0);
  ASSERT_NE(dladdr(reinterpret_cast<const void*>(&dsyevd_), &lapack), 0);
  EXPECT_EQ(blas.dli_fbase, program.dli_fbase);
  EXPECT_EQ(lapack.dli_fbase, program.dli_fbase);
  EXPECT_EQ(dlsym(RTLD_DEFAULT, "dgemm_"), nullptr);
  EXPECT_EQ(dlsym(RTLD_DEFAULT, "dsyevd_"), nullptr);
}

TEST(SymmetricEigen, ReadsTheLowerTriangleAndPutsTheLargestFirst) {
  RowMajorMatrixXd lower(3, 3);
  lower << 2, -7, -7, 1, 2, -7, 0, 0, 5;  // eigenvalues 5, 3, 1
  const auto found = symmetric_eigen(lower);
  EXPECT_TRUE(found.values.isApprox(Eigen::Vector3d(5, 3, 1), 1e-14)) << found.values;
  const RowMajorMatrixXd matrix = lower.selfadjointView<Eigen::Lower>();
  const RowMajorMatrixXd again = found.vectors.transpose() * found.values.asDiagonal() * found.vectors;
  EXPECT_TRUE(again.isApprox(matrix, 1e-14)) << again;
}

TEST(SymmetricEigen, TheLargestVectorsAloneAreThoseOfAll) {
  constexpr Eigen::Index kSize = 60;
  RowMajorMatrixXd half(kSize, kSize);
  for (Eigen::Index i = 0; i < half.size(); ++i) half.data()[i] = std::sin(static_cast<double>(i * i));
  const RowMajorMatrixXd matrix = half * half.transpose();
  const auto all = symmetric_eigen(matrix);
  for (const std::int64_t k : {0, 1, 7, 15, 16, 60}) {
    std::int64_t told = 0;
    const auto some = symmetric_eigen(matrix, [&](const Eigen::VectorXd& values) {
      told = values.size();
      EXPECT_TRUE(values.isApprox(all.values, 1e-13));
      return k;
    });
    EXPECT_EQ(told, kSize);
    EXPECT_TRUE(some.values.isApprox(all.values, 1e-13));
    ASSERT_GE(some.vectors.rows(), k);
    for (Eigen::Index i = 0; i < k; ++i) {
      EXPECT_NEAR(std::abs(some.vectors.row(i).dot(all.vectors.row(i))), 1, 1e-11) << k << " " << i;
    }
  }
}

TEST(SingularValues, AreThoseOfTheMatrixWithItsRightVectors) {
  RowMajorMatrixXd matrix(2, 2);
  matrix << 0, 2, 3, 0;
  const auto found = singular_values(matrix);
  EXPECT_TRUE(found.values.isApprox(Eigen::Vector2d(3, 2), 1e-14)) << found.values;
  EXPECT_TRUE(found.vectors.cwiseAbs().isApprox(RowMajorMatrixXd::Identity(2, 2), 1e-14)) << found.vectors;
}

/// Where threads are few, tiles beside each other are one product.
TEST(Gram, IsTheSameByAnyNumberOfThreads) {
  for (const std::int64_t cols : {100, 130, 513, 1024, 1300, 2100}) {
    const RowMajorMatrixXd rows = RowMajorMatrixXd::Random(300, cols);
    const auto by_threads = [&](int threads) {
      set_threads(threads);
      RowMajorMatrixXd gram = RowMajorMatrixXd::Zero(cols, cols);
      add_gram({rows.data(), rows.rows(), cols}, gram);
      set_threads(0);
      return gram;
    };
    const auto one = by_threads(1);
    EXPECT_LT((RowMajorMatrixXd(rows.transpose() * rows) - one).triangularView<Eigen::Lower>().toDenseMatrix().norm(),
              1e-9 * one.norm());
    for (const int threads : {2, 3, 5, 16}) EXPECT_EQ(by_threads(threads), one) << cols << " by " << threads;
  }
}

}  // namespace
}  // namespace scalselect
