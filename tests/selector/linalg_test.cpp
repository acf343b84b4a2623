#include "selector/linalg.h"

#include <cblas.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <string>

namespace scalselect {
namespace {

using ::testing::AnyOf;

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

TEST(OpenBlasCore, IsNamedWhereOldKernelsRunOnAYoungCpu) {
  const std::string core = openblas_get_corename();
  const bool young = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!young || (core != "Prescott" && core != "Nehalem") || std::getenv("OPENBLAS_CORETYPE") != nullptr) {
    GTEST_SKIP() << "OpenBLAS runs " << core << " kernels here, as it should";
  }
  EXPECT_THAT(better_openblas_core(), AnyOf(std::string("SKYLAKEX"), std::string("HASWELL")));
}

}  // namespace
}  // namespace scalselect
