#include "selector/linalg.h"

#include <Eigen/src/misc/lapacke.h>
#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <vector>

#include "core/check.h"
#include "core/error.h"
#include "core/parallel.h"

namespace scalselect {
namespace {

constexpr std::int64_t kTile = 128;

void check(int info, const char* what) {
  SCALSELECT_CHECK(info >= 0);
  if (info > 0) {
    throw UserError(ErrorKind::kDiverged, std::string(what) + " of the feature matrix did not converge.",
                    "Look for extreme values in the features.");
  }
}

int to_int(std::int64_t value) {
  SCALSELECT_CHECK(value <= std::numeric_limits<int>::max());
  return static_cast<int>(value);
}

}  // namespace

std::string blas_description() {
  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...": the name and the version come first.
  const std::string config = openblas_get_config();
  const auto end = config.find(' ', std::min(config.find(' '), config.size() - 1) + 1);
  return fmt::format("{}, {} kernels, {} thread at a time", config.substr(0, end), openblas_get_corename(),
                     openblas_get_num_threads());
}

const char* better_openblas_core() {
  const std::string core = openblas_get_corename();
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr || (core != "Prescott" && core != "Nehalem")) return nullptr;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return nullptr;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 ? "SKYLAKEX" : "HASWELL";
}

void add_gram(const ConstRowsXd& z, RowMajorMatrixXd& gram) {
  const std::int64_t d = z.cols(), tiles = (d + kTile - 1) / kTile;
  parallel_blocks(tiles * (tiles + 1) / 2, 1, [&](std::int64_t pair, std::int64_t) {
    std::int64_t i = 0;
    while ((i + 1) * (i + 2) / 2 <= pair) ++i;
    const std::int64_t j = pair - i * (i + 1) / 2;
    const auto left = z.middleCols(i * kTile, std::min(kTile, d - i * kTile));
    const auto right = z.middleCols(j * kTile, std::min(kTile, d - j * kTile));
    auto tile = gram.block(i * kTile, j * kTile, left.cols(), right.cols());
    if (i == j) tile.selfadjointView<Eigen::Lower>().rankUpdate(left.transpose());
    else tile.noalias() += left.transpose() * right;
  });
}

void add_outer(const Eigen::VectorXd& v, double factor, RowMajorMatrixXd& gram) {
  parallel_blocks(gram.cols(), 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) gram.row(i).head(i + 1) += factor * v(i) * v.head(i + 1).transpose();
  });
}

Spectrum symmetric_eigen(RowMajorMatrixXd lower) {
  int n = to_int(lower.rows()), info = 0, work_size = -1, iwork_size = -1, iwork_needed = 0;
  char vectors = 'V', triangle = 'U';  // row-major lower is column-major upper
  double work_needed = 0;
  Eigen::VectorXd values(n);
  LAPACK_dsyevd(&vectors, &triangle, &n, lower.data(), &n, values.data(), &work_needed, &work_size, &iwork_needed,
                &iwork_size, &info);
  work_size = static_cast<int>(work_needed);
  iwork_size = iwork_needed;
  Eigen::VectorXd work(work_size);
  Eigen::VectorXi iwork(iwork_size);
  LAPACK_dsyevd(&vectors, &triangle, &n, lower.data(), &n, values.data(), work.data(), &work_size, iwork.data(),
                &iwork_size, &info);
  check(info, "The eigendecomposition");
  return largest_first(std::move(values), std::move(lower));
}

Spectrum singular_values(RowMajorMatrixXd matrix) {
  SCALSELECT_CHECK(matrix.rows() == matrix.cols());
  int n = to_int(matrix.rows()), info = 0, work_size = -1;
  char both = 'S';
  double work_needed = 0;
  // LAPACK sees the transpose: its left vectors, one per column, are the right ones here, one per row.
  Spectrum found{Eigen::VectorXd(n), RowMajorMatrixXd(n, n)};
  RowMajorMatrixXd unused(n, n);
  Eigen::VectorXi iwork(8 * n);
  LAPACK_dgesdd(&both, &n, &n, matrix.data(), &n, found.values.data(), found.vectors.data(), &n, unused.data(), &n,
                &work_needed, &work_size, iwork.data(), &info);
  work_size = static_cast<int>(work_needed);
  Eigen::VectorXd work(work_size);
  LAPACK_dgesdd(&both, &n, &n, matrix.data(), &n, found.values.data(), found.vectors.data(), &n, unused.data(), &n,
                work.data(), &work_size, iwork.data(), &info);
  check(info, "The singular value decomposition");
  return found;
}

}  // namespace scalselect
