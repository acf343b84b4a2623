// What subspace scoring computes with, once for the CPU and once for a GPU (selector/cuda/).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "selector/linalg.h"

namespace scalselect {

/// Not thread-safe; rows are row-major float64 in host memory and may change as soon as a call returns.
class SubspaceKernels {
 public:
  virtual ~SubspaceKernels() = default;

  /// Begins the sum of a d x d Gram matrix.
  virtual void start_gram(std::int64_t d) = 0;
  /// Adds z^T z of n rows. May return before it is computed.
  virtual void add_rows(const double* z, std::int64_t n) = 0;
  /// Adds factor * v v^T, v of length d.
  virtual void add_outer(const std::vector<double>& v, double factor) = 0;
  /// The sum's lower triangle; ends it.
  virtual Dense finish_gram() = 0;

  /// Makes `basis` (k x d) what `project` projects on.
  virtual void set_basis(Dense basis) = 0;
  /// out (n x k) = z (n x d) * basis^T.
  virtual void project(const double* z, std::int64_t n, double* out) = 0;

  /// As scalselect::symmetric_eigen.
  virtual void symmetric_eigen(Dense lower, std::vector<double>& values, Dense& vectors) = 0;
};

/// On `compute_device()`. Throws UserError(kEnvironment): this build has no CUDA half, no GPU, no driver, one too old.
std::unique_ptr<SubspaceKernels> make_subspace_kernels();

/// On the CPU; deterministic in (n, d), whatever the number of threads.
std::unique_ptr<SubspaceKernels> make_cpu_kernels();

/// On GPU `index`, from the plugin scalselect_cuda beside the program (or where SCALSELECT_CUDA_PLUGIN points).
std::unique_ptr<SubspaceKernels> make_cuda_kernels(int index);

}  // namespace scalselect
