// The GPU's kernels against the CPU's. On a machine without a GPU the comparison is skipped, and says why; what the
// kernels ask of CUDA is checked there by fake_cuda_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "core/device.h"
#include "core/error.h"
#include "core/matrix.h"
#include "selector/subspace.h"
#include "tests/selector_cuda/compare_kernels.h"

namespace scalselect {
namespace {

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    try {
      make_cuda_kernels(0);
    } catch (const UserError& error) {
      GTEST_SKIP() << error.what();
    }
  }
};

TEST_F(Gpu, KernelsAreTheCpus) { compare_kernels(*make_cuda_kernels(0)); }

TEST_F(Gpu, ScoresAndRankingAreTheCpus) {
  for (const std::int64_t cols : {17, 300}) {
    const std::int64_t rows = 20'000;
    const auto values = random_values(rows * cols, 9);
    const std::vector<float> table(values.begin(), values.end());
    const MemoryRows source(MatrixView{table.data(), rows, cols});
    for (const bool l2 : {false, true}) {
      SubspaceOptions options;
      options.l2_normalize = l2;
      set_device({});
      const auto cpu = score_rows(source, options);
      set_device({true, 0});
      const auto gpu = score_rows(source, options);
      set_device({});
      ASSERT_EQ(gpu.directions, cpu.directions);
      for (std::size_t i = 0; i < cpu.scores.size(); ++i) {
        ASSERT_NEAR(gpu.scores[i], cpu.scores[i], 1e-5 * cpu.scores[i]) << i;
      }
      std::vector<std::size_t> order(cpu.scores.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::ranges::stable_sort(order, std::greater{}, [&](std::size_t i) { return cpu.scores[i]; });
      for (std::size_t i = 1; i < order.size(); ++i) {  // same ranking up to ties
        ASSERT_GE(gpu.scores[order[i - 1]], gpu.scores[order[i]] * (1 - 1e-9));
      }
    }
  }
}

}  // namespace
}  // namespace scalselect
