// The BLAS and LAPACK beneath Eigen, and the decompositions that Eigen leaves to them.
//
// Products of Eigen's matrices go to OpenBLAS (EIGEN_USE_BLAS), which every program carries inside itself: one BLAS and
// LAPACK for the selection, whether or not LibTorch (with an MKL of its own) is in the process. Threads come from
// core/parallel.h: OpenBLAS computes on the thread that calls it, so results do not depend on how many there are.
//
// What they do depend on, in their last digits: OpenBLAS's version and the kernels that it chooses for the processor.
// `blas_description` names both; OPENBLAS_CORETYPE (HASWELL, SKYLAKEX, ZEN, ...) makes two machines choose the same.
#pragma once

#include <cstdlib>
#include <string>

#include "selector/spectrum.h"

namespace scalselect {

/// "OpenBLAS 0.3.21, SkylakeX kernels, 1 thread at a time".
std::string blas_description();

/// The value of OPENBLAS_CORETYPE with which OpenBLAS would do better on this CPU, or nullptr. It picks its kernels at
/// load time by the CPU's model number; a CPU newer than the library gets kernels of 2004, several times slower.
const char* better_openblas_core();

/// OpenBLAS reads its environment in a constructor of the default priority; this runs first, so that it never starts
/// threads of its own.
[[gnu::constructor(101)]] static inline void use_one_blas_thread() { setenv("OPENBLAS_NUM_THREADS", "1", 1); }

/// gram += z^T z, lower triangle only. Parallel over tiles of the result, several of which are one product where
/// threads are few; each number adds up in the order of the calls, whatever the thread count
/// (tests/selector/linalg_test.cpp).
void add_gram(const ConstRowsXd& z, RowMajorMatrixXd& gram);

/// gram += factor * v v^T, lower triangle only. Parallel over rows.
void add_outer(const Eigen::VectorXd& v, double factor, RowMajorMatrixXd& gram);

/// All eigenvalues of the symmetric matrix whose lower triangle is given, and the eigenvectors of the largest:
/// `wanted` says of how many, when it is told the values; without it, of all. LAPACK's tridiagonal form and divide and
/// conquer (at 1,024 columns four times as fast as Eigen's own solver), or, where up to a quarter of the vectors is
/// wanted, relatively robust representations (dstemr) for these alone. Throws UserError(kDiverged) if it does not
/// converge.
Spectrum symmetric_eigen(RowMajorMatrixXd lower, const WantedVectors& wanted = {});

/// Singular values and right singular vectors of a square matrix, by LAPACK's divide and conquer (as fast as Eigen's,
/// in two thirds of the memory). Throws as above.
Spectrum singular_values(RowMajorMatrixXd matrix);

}  // namespace scalselect
