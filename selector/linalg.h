// The few dense kernels that subspace scoring needs, on column-major or row-major float64 buffers, single-threaded.
//
// They go to OpenBLAS (cblas_*) and LAPACK. Threads are ours (core/parallel.h): inside `OneThreadLinalg` the libraries
// use one each, so that results do not depend on how many there are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace scalselect {

/// A square or rectangular matrix, row-major.
struct Dense {
  std::int64_t rows = 0, cols = 0;
  std::vector<double> values;

  Dense() = default;
  Dense(std::int64_t r, std::int64_t c) : rows(r), cols(c), values(static_cast<std::size_t>(r * c), 0.0) {}
  double* row(std::int64_t i) { return values.data() + i * cols; }
  const double* row(std::int64_t i) const { return values.data() + i * cols; }
};

/// While one lives, OpenBLAS and (where LibTorch brings it) MKL compute on the calling thread only.
class OneThreadLinalg {
 public:
  OneThreadLinalg();
  ~OneThreadLinalg();
  OneThreadLinalg(const OneThreadLinalg&) = delete;

 private:
  int openblas_ = 0, mkl_ = 0;
};

/// The value of OPENBLAS_CORETYPE with which OpenBLAS would do better on this CPU, or nullptr. It picks its kernels at
/// load time by the CPU's model number; a CPU younger than the library gets kernels of 2004, several times slower.
const char* better_openblas_core();

/// "OpenBLAS 0.3.21 … (Zen), LAPACK in libopenblas.so.0": what the kernels below are computed by.
std::string blas_description();

/// gram += z^T z for the n x d rows `z`, lower triangle only. Parallel over tiles of the result; each tile adds up in
/// the order of the calls, whatever the thread count.
void add_gram(const double* z, std::int64_t n, std::int64_t d, Dense& gram);

/// gram += factor * v v^T, lower triangle only. Parallel over rows.
void add_outer(const std::vector<double>& v, double factor, Dense& gram);

/// out (n x k) = z (n x d) * basis^T, `basis` k x d.
void project(const double* z, std::int64_t n, const Dense& basis, std::int64_t k, double* out);

/// LAPACK and cuSOLVER give eigenvalues ascending, vectors as columns in column-major order, so as rows here: turns
/// both round, the largest first.
inline void largest_first(std::vector<double>& values, Dense& vectors) {
  std::reverse(values.begin(), values.end());
  for (std::int64_t i = 0, j = vectors.rows - 1; i < j; ++i, --j) {
    std::swap_ranges(vectors.row(i), vectors.row(i) + vectors.cols, vectors.row(j));
  }
}

/// Eigenvalues (descending) and eigenvectors (rows of `vectors`, same order) of the symmetric matrix whose lower
/// triangle is given. Throws UserError(kDiverged) if LAPACK does not converge.
void symmetric_eigen(Dense lower, std::vector<double>& values, Dense& vectors);

/// Singular values (descending) and right singular vectors (rows of `right`) of a square matrix. Throws as above.
void singular_values(Dense matrix, std::vector<double>& values, Dense& right);

/// c = a * b.
Dense multiply(const Dense& a, const Dense& b);

}  // namespace scalselect
