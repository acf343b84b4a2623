#include "selector/linalg.h"

#include <cblas.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>

#include "core/check.h"
#include "core/error.h"
#include "core/parallel.h"

extern "C" {
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w, double* work,
             const int* lwork, int* iwork, const int* liwork, int* info);
void dgesdd_(const char* jobz, const int* m, const int* n, double* a, const int* lda, double* s, double* u,
             const int* ldu, double* vt, const int* ldvt, double* work, const int* lwork, int* iwork, int* info);
// LibTorch exports MKL's LAPACK under the names above; whichever library answers has to keep to one thread.
int MKL_Set_Num_Threads_Local(int) __attribute__((weak));
}

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

OneThreadLinalg::OneThreadLinalg() : openblas_(openblas_get_num_threads()) {
  openblas_set_num_threads(1);
  if (MKL_Set_Num_Threads_Local != nullptr) mkl_ = MKL_Set_Num_Threads_Local(1);
}

OneThreadLinalg::~OneThreadLinalg() {
  openblas_set_num_threads(openblas_);
  if (MKL_Set_Num_Threads_Local != nullptr) MKL_Set_Num_Threads_Local(mkl_);
}

const char* better_openblas_core() {
  const std::string core = openblas_get_corename();
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr || (core != "Prescott" && core != "Nehalem")) return nullptr;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return nullptr;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 ? "SKYLAKEX" : "HASWELL";
}

std::string blas_description() {
  // Another library may export LAPACK's names too, and the first one loaded answers.
  Dl_info found{};
  const bool known = ::dladdr(reinterpret_cast<const void*>(&dsyevd_), &found) != 0 && found.dli_fname != nullptr;
  std::string lapack = known ? found.dli_fname : "unknown";
  lapack.erase(0, lapack.rfind('/') + 1);
  return std::string(openblas_get_config()) + ", kernels " + openblas_get_corename() + ", LAPACK in " + lapack;
}

void add_gram(const double* z, std::int64_t n, std::int64_t d, Dense& gram) {
  const std::int64_t tiles = (d + kTile - 1) / kTile;
  parallel_blocks(tiles * (tiles + 1) / 2, 1, [&](std::int64_t pair, std::int64_t) {
    std::int64_t i = 0;
    while ((i + 1) * (i + 2) / 2 <= pair) ++i;
    const std::int64_t j = pair - i * (i + 1) / 2;
    const std::int64_t rows = std::min(kTile, d - i * kTile), cols = std::min(kTile, d - j * kTile);
    double* out = gram.row(i * kTile) + j * kTile;
    if (i == j) {
      cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, to_int(rows), to_int(n), 1.0, z + i * kTile, to_int(d), 1.0,
                  out, to_int(d));
    } else {
      cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, to_int(rows), to_int(cols), to_int(n), 1.0, z + i * kTile,
                  to_int(d), z + j * kTile, to_int(d), 1.0, out, to_int(d));
    }
  });
}

void add_outer(const std::vector<double>& v, double factor, Dense& gram) {
  parallel_blocks(gram.cols, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const double scaled = factor * v[static_cast<std::size_t>(i)];
      double* row = gram.row(i);
      for (std::int64_t j = 0; j <= i; ++j) row[j] += scaled * v[static_cast<std::size_t>(j)];
    }
  });
}

void project(const double* z, std::int64_t n, const Dense& basis, std::int64_t k, double* out) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, to_int(n), to_int(k), to_int(basis.cols), 1.0, z,
              to_int(basis.cols), basis.values.data(), to_int(basis.cols), 0.0, out, to_int(k));
}

void symmetric_eigen(Dense lower, std::vector<double>& values, Dense& vectors) {
  const int n = to_int(lower.rows);
  values.assign(static_cast<std::size_t>(n), 0.0);
  int info = 0, work_size = -1, iwork_size = -1, iwork_wish = 0;
  double work_wish = 0;
  // Row-major lower is column-major upper.
  dsyevd_("V", "U", &n, lower.values.data(), &n, values.data(), &work_wish, &work_size, &iwork_wish, &iwork_size,
          &info);
  work_size = static_cast<int>(work_wish);
  iwork_size = iwork_wish;
  std::vector<double> work(static_cast<std::size_t>(work_size));
  std::vector<int> iwork(static_cast<std::size_t>(iwork_size));
  dsyevd_("V", "U", &n, lower.values.data(), &n, values.data(), work.data(), &work_size, iwork.data(), &iwork_size,
          &info);
  check(info, "The eigendecomposition");
  largest_first(values, lower);
  vectors = std::move(lower);
}

void singular_values(Dense matrix, std::vector<double>& values, Dense& right) {
  SCALSELECT_CHECK(matrix.rows == matrix.cols);
  const int n = to_int(matrix.rows);
  const std::size_t area = matrix.values.size();
  values.assign(static_cast<std::size_t>(n), 0.0);
  right = Dense(n, n);
  std::vector<double> unused(area);
  std::vector<int> iwork(static_cast<std::size_t>(8 * n));
  int info = 0, work_size = -1;
  double work_wish = 0;
  // LAPACK sees the transpose: its left vectors, one a column, are our right ones, one a row.
  dgesdd_("S", &n, &n, matrix.values.data(), &n, values.data(), right.values.data(), &n, unused.data(), &n, &work_wish,
          &work_size, iwork.data(), &info);
  work_size = static_cast<int>(work_wish);
  std::vector<double> work(static_cast<std::size_t>(work_size));
  dgesdd_("S", &n, &n, matrix.values.data(), &n, values.data(), right.values.data(), &n, unused.data(), &n, work.data(),
          &work_size, iwork.data(), &info);
  check(info, "The singular value decomposition");
}

Dense multiply(const Dense& a, const Dense& b) {
  SCALSELECT_CHECK(a.cols == b.rows);
  Dense c(a.rows, b.cols);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, to_int(a.rows), to_int(b.cols), to_int(a.cols), 1.0,
              a.values.data(), to_int(a.cols), b.values.data(), to_int(b.cols), 0.0, c.values.data(), to_int(b.cols));
  return c;
}

}  // namespace scalselect
