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

/// Width of the tiles of a d x d Gram matrix: wide ones pack fewer copies of the rows, many keep more threads busy.
std::int64_t tile_width(std::int64_t d) { return d <= 512 ? 128 : d <= 2048 ? 256 : 512; }

/// Tiles beside each other that are one product: the diagonal one of a row of tiles, or some before it.
struct TileRun {
  std::int64_t row = 0, first = 0, count = 1;
};

/// All tiles of the lower triangle in runs, the longest first, so that threads end together. A run packs its left
/// columns once for all of its tiles, so runs are as long as keeps all threads busy; a number of the result does not
/// depend on the run that it is in.
std::vector<TileRun> tile_runs(std::int64_t tiles) {
  const auto most = std::clamp<std::int64_t>(tiles * (tiles + 1) / 2 / thread_count(), 1, 4);
  std::vector<TileRun> runs;
  for (std::int64_t row = 0; row < tiles; ++row) {
    const auto pieces = (row + most - 1) / most;
    for (std::int64_t i = 0; i < pieces; ++i) {
      const auto first = row * i / pieces;
      runs.push_back({row, first, row * (i + 1) / pieces - first});
    }
  }
  std::stable_sort(runs.begin(), runs.end(), [](const TileRun& a, const TileRun& b) { return a.count > b.count; });
  for (std::int64_t row = 0; row < tiles; ++row) runs.push_back({row, row, 1});  // half the work of another
  return runs;
}

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

/// Eigenvectors of the tridiagonal matrix, one per row: of its largest values, ascending, or of all, where `values` is
/// filled too.
void tridiagonal_vectors(Eigen::VectorXd& diagonal, Eigen::VectorXd& beside, Eigen::VectorXd& values,
                         RowMajorMatrixXd& vectors) {
  int n = to_int(diagonal.size()), info = 0, query = -1, count = to_int(vectors.rows()), isize = 1, size = 1;
  Eigen::VectorXd work(1);
  Eigen::VectorXi iwork(1);
  char job = count == n ? 'I' : 'V', range = 'I';
  int first = n - count + 1, found = 0, robust = 1;
  double unused = 0;
  Eigen::VectorXd again(n);
  Eigen::VectorXi support(2 * count);
  const auto call = [&](int* work_size, int* iwork_size) {
    if (count == n) {
      LAPACK_dstedc(&job, &n, diagonal.data(), beside.data(), vectors.data(), &n, work.data(), work_size, iwork.data(),
                    iwork_size, &info);
    } else {
      LAPACK_dstemr(&job, &range, &n, diagonal.data(), beside.data(), &unused, &unused, &first, &n, &found,
                    again.data(), vectors.data(), &n, &count, support.data(), &robust, work.data(), work_size,
                    iwork.data(), iwork_size, &info);
    }
  };
  call(&query, &query);
  size = static_cast<int>(work(0));
  isize = iwork(0);
  work.resize(size);
  iwork.resize(isize);
  call(&size, &isize);
  check(info, "The eigendecomposition");
  if (count == n) values = diagonal;
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
  const auto d = z.cols(), width = tile_width(d);
  const auto runs = tile_runs((d + width - 1) / width);
  parallel_blocks(static_cast<std::int64_t>(runs.size()), 1, [&](std::int64_t at, std::int64_t) {
    const auto& run = runs[static_cast<std::size_t>(at)];
    const auto left = z.middleCols(run.row * width, std::min(width, d - run.row * width));
    const auto right = z.middleCols(run.first * width, std::min(run.count * width, d - run.first * width));
    auto tile = gram.block(run.row * width, run.first * width, left.cols(), right.cols());
    if (run.first == run.row) tile.selfadjointView<Eigen::Lower>().rankUpdate(left.transpose());
    else tile.noalias() += left.transpose() * right;
  });
}

void add_outer(const Eigen::VectorXd& v, double factor, RowMajorMatrixXd& gram) {
  parallel_blocks(gram.cols(), 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) gram.row(i).head(i + 1) += factor * v(i) * v.head(i + 1).transpose();
  });
}

Spectrum symmetric_eigen(RowMajorMatrixXd lower, const WantedVectors& wanted) {
  constexpr const char* kWhat = "The eigendecomposition";
  int n = to_int(lower.rows()), info = 0, query = -1;
  char triangle = 'U';  // row-major lower is column-major upper
  Eigen::VectorXd diagonal(n), beside(n), reflectors(n), work(1);
  LAPACK_dsytrd(&triangle, &n, lower.data(), &n, diagonal.data(), beside.data(), reflectors.data(), work.data(), &query,
                &info);
  int size = static_cast<int>(work(0));
  work.resize(size);
  LAPACK_dsytrd(&triangle, &n, lower.data(), &n, diagonal.data(), beside.data(), reflectors.data(), work.data(), &size,
                &info);
  check(info, kWhat);
  int count = n;
  Eigen::VectorXd values = diagonal, scratch = beside;
  if (wanted) {
    LAPACK_dsterf(&n, values.data(), scratch.data(), &info);
    check(info, kWhat);
    count = to_int(std::clamp<std::int64_t>(wanted(values.reverse()), 0, n));
    if (count == 0) return largest_first(std::move(values), RowMajorMatrixXd(0, n));
  }
  RowMajorMatrixXd vectors(4 * count <= n ? count : n, n);  // to LAPACK one per column, ascending
  tridiagonal_vectors(diagonal, beside, values, vectors);
  char left = 'L', plain = 'N';
  int columns = to_int(vectors.rows());
  LAPACK_dormtr(&left, &triangle, &plain, &n, &columns, lower.data(), &n, reflectors.data(), vectors.data(), &n,
                work.data(), &query, &info);
  size = static_cast<int>(work(0));
  work.resize(size);
  LAPACK_dormtr(&left, &triangle, &plain, &n, &columns, lower.data(), &n, reflectors.data(), vectors.data(), &n,
                work.data(), &size, &info);
  check(info, kWhat);
  return largest_first(std::move(values), std::move(vectors));
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
