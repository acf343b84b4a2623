// What subspace scoring computes with, once for the CPU and once for a GPU (selector/cuda/).
#pragma once

#include <cstdint>
#include <memory>

#include "selector/spectrum.h"

namespace scalselect {

/// Not thread-safe, but for what projects_concurrently says; rows are in host memory and may change as soon as a call
/// returns.
class SubspaceKernels {
 public:
  virtual ~SubspaceKernels() = default;

  /// Begins the sum of a d x d Gram matrix.
  virtual void start_gram(std::int64_t d) = 0;
  /// Adds z^T z. May return before it is computed.
  virtual void add_rows(const ConstRowsXd& z) = 0;
  /// The sum's lower triangle; ends it.
  virtual RowMajorMatrixXd finish_gram() = 0;

  /// Makes `basis` (k x d) what `project` projects on.
  virtual void set_basis(RowMajorMatrixXd basis) = 0;
  /// out (n x k) = z (n x d) * basis^T.
  virtual void project(const ConstRowsXd& z, Eigen::Map<RowMajorMatrixXd> out) = 0;
  /// Whether `project` may be called from several threads at once, each with few rows.
  virtual bool projects_concurrently() const { return false; }

  /// As scalselect::symmetric_eigen.
  virtual Spectrum symmetric_eigen(RowMajorMatrixXd lower, const WantedVectors& wanted = {}) = 0;
};

/// On `compute_device()`. Throws UserError(kEnvironment): this build has no CUDA half, no GPU, no driver, one too old.
std::unique_ptr<SubspaceKernels> make_subspace_kernels();

/// On the CPU; the same bytes for any number of threads.
std::unique_ptr<SubspaceKernels> make_cpu_kernels();

/// On GPU `index`, from the plugin scalselect_cuda beside the program (or where SCALSELECT_CUDA_PLUGIN points).
std::unique_ptr<SubspaceKernels> make_cuda_kernels(int index);

}  // namespace scalselect
