// One set of questions to two sets of kernels.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/rng.h"
#include "selector/subspace_kernels.h"

namespace scalselect {

inline std::vector<double> random_values(std::int64_t count, std::uint64_t seed) {
  Rng rng(seed, "selector_cuda");
  std::vector<double> values(static_cast<std::size_t>(count));
  for (double& value : values) value = rng.normal();
  return values;
}

inline void expect_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << i;
}

/// Gram sums over several blocks (one larger than a transfer buffer), rank-one terms, projections on fewer and on as
/// many directions as columns, eigenvectors.
inline void compare_kernels(SubspaceKernels& ours) {
  const auto cpu = make_cpu_kernels();
  for (const std::int64_t d : {1, 5, 64, 130}) {
    RowMajorMatrixXd grams[2];
    const std::vector<std::int64_t> blocks = {3, 1, d == 130 ? 17'000 : 500, 7};
    int which = 0;
    for (SubspaceKernels* kernels : {cpu.get(), &ours}) {
      kernels->start_gram(d);
      std::uint64_t seed = 1;
      for (const auto rows : blocks) {
        auto z = random_values(rows * d, seed++);
        kernels->add_rows(ConstRowsXd(z.data(), rows, d));
        z.assign(z.size(), std::nan(""));  // the caller's buffer is its own again
      }
      grams[which++] = kernels->finish_gram();
    }
    for (std::int64_t i = 0; i < d; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) ASSERT_NEAR(grams[0](i, j), grams[1](i, j), 1e-8) << i << ' ' << j;
    }
    const Spectrum spectra[] = {cpu->symmetric_eigen(grams[0]), ours.symmetric_eigen(grams[0])};
    const double largest = spectra[0].values(0);
    ASSERT_LE((spectra[0].values - spectra[1].values).cwiseAbs().maxCoeff(), 1e-8 * (1 + largest));
    for (std::int64_t j = 0; j < d; ++j) {  // up to sign
      ASSERT_NEAR(std::abs(spectra[0].vectors.row(j).dot(spectra[1].vectors.row(j))), 1, 1e-6) << j;
    }
    for (const std::int64_t k : {std::int64_t{1}, (d + 1) / 2, d}) {
      const auto directions = random_values(k * d, 7);
      const std::int64_t rows = d == 130 ? 16'000 : 501;
      const auto z = random_values(rows * d, 8);
      std::vector<double> out[2];
      which = 0;
      for (SubspaceKernels* kernels : {cpu.get(), &ours}) {
        kernels->set_basis(ConstRowsXd(directions.data(), k, d));
        out[which].assign(static_cast<std::size_t>(rows * k), std::nan(""));
        kernels->project(ConstRowsXd(z.data(), rows, d), {out[which].data(), rows, k});
        ++which;
      }
      expect_near(out[0], out[1], 1e-9);
    }
  }
}

}  // namespace scalselect
