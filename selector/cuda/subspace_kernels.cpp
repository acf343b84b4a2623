// The GPU twin of selector/subspace_kernels.cpp: Gram sums and projections on cuBLAS, eigenvectors on cuSOLVER. Rows
// travel through two page-locked buffers, so that the next ones are read and prepared while the last are computed.
//
// A row-major matrix is to cuBLAS the column-major transpose: rows z (n x d) are a d x n matrix Z', z^T z = Z' Z'^T,
// and a lower triangle is its upper one.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "selector/cuda/handles.h"
#include "selector/cuda/plugin.h"

namespace scalselect::cuda {
namespace {

constexpr std::int64_t kSlotValues = 2'000'000;  // 16 MB per buffer

/// One of the two buffers on the way to the GPU and back.
struct Slot {
  PinnedArray<double> rows, out;
  DeviceArray<double> device_rows, device_out;
  Event copied{new_event}, done{new_event};
  double* deliver_to = nullptr;  ///< where `out` is copied to once done
  std::size_t deliver_count = 0;
};

class CudaKernels final : public SubspaceKernels {
 public:
  explicit CudaKernels(int index)
      : index_(index),
        compute_([&] { return use_gpu(index), new_stream(); }),
        copies_(new_stream),
        blas_([&] { return new_blas(compute_); }),
        solver_([&] { return new_solver(compute_); }),
        params_(new_solver_params) {
    info_.reserve(1);
  }

  ~CudaKernels() override { cudaStreamSynchronize(compute_); }

  void start_gram(std::int64_t d) override {
    use_gpu(index_);
    d_ = d;
    gram_.reserve(static_cast<std::size_t>(d * d));
    check(cudaMemsetAsync(gram_.get(), 0, static_cast<std::size_t>(d * d) * sizeof(double), compute_),
          "clearing a matrix");
  }

  void add_rows(const ConstRowsXd& z) override {
    for_chunks(z.rows(), d_, [&](std::int64_t first, std::int64_t count) {
      Slot& slot = send(z.data() + first * d_, count, d_);
      const double one = 1;
      check(cublasDsyrk_64(blas_, CUBLAS_FILL_MODE_UPPER, CUBLAS_OP_N, d_, count, &one, slot.device_rows.get(), d_,
                           &one, gram_.get(), d_),
            "adding to the Gram matrix");
      check(cudaEventRecord(slot.done, compute_), "recording an event");
    });
  }

  RowMajorMatrixXd finish_gram() override {
    RowMajorMatrixXd gram(d_, d_);
    download(gram_.get(), gram);
    return gram;
  }

  void set_basis(RowMajorMatrixXd basis) override {
    use_gpu(index_);
    basis_rows_ = basis.rows();
    basis_cols_ = basis.cols();
    upload(basis, basis_);
  }

  void project(const ConstRowsXd& z, Eigen::Map<RowMajorMatrixXd> out) override {
    const auto d = basis_cols_, k = basis_rows_;
    for_chunks(z.rows(), std::max(d, k), [&](std::int64_t first, std::int64_t count) {
      Slot& slot = send(z.data() + first * d, count, d);
      const auto values = static_cast<std::size_t>(count * k);
      slot.out.reserve(values);
      slot.device_out.reserve(values);
      const double one = 1, zero = 0;
      check(cublasDgemm_64(blas_, CUBLAS_OP_T, CUBLAS_OP_N, k, count, d, &one, basis_.get(), d, slot.device_rows.get(),
                           d, &zero, slot.device_out.get(), k),
            "projecting");
      check(cudaMemcpyAsync(slot.out.get(), slot.device_out.get(), values * sizeof(double), cudaMemcpyDeviceToHost,
                            compute_),
            "copying from the GPU");
      check(cudaEventRecord(slot.done, compute_), "recording an event");
      slot.deliver_to = out.data() + first * k;
      slot.deliver_count = values;
    });
    for (Slot& slot : slots_) settle(slot);
  }

  Spectrum symmetric_eigen(RowMajorMatrixXd lower, const WantedVectors& wanted) override {
    use_gpu(index_);
    const auto n = lower.rows();
    DeviceArray<double> matrix, eigenvalues;
    upload(lower, matrix);
    eigenvalues.reserve(static_cast<std::size_t>(n));
    std::size_t device_bytes = 0, host_bytes = 0;
    check(cusolverDnXsyevd_bufferSize(solver_, params_, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_UPPER, n, CUDA_R_64F,
                                      matrix.get(), n, CUDA_R_64F, eigenvalues.get(), CUDA_R_64F, &device_bytes,
                                      &host_bytes),
          "sizing the eigendecomposition");
    DeviceArray<char> device_work;
    device_work.reserve(device_bytes);
    std::vector<char> host_work(host_bytes);
    check(cusolverDnXsyevd(solver_, params_, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_UPPER, n, CUDA_R_64F,
                           matrix.get(), n, CUDA_R_64F, eigenvalues.get(), CUDA_R_64F, device_work.get(), device_bytes,
                           host_work.data(), host_bytes, info_.get()),
          "the eigendecomposition");
    int info = 0;
    check(cudaMemcpyAsync(&info, info_.get(), sizeof info, cudaMemcpyDeviceToHost, compute_), "copying from the GPU");
    Eigen::VectorXd values(n);
    download(eigenvalues.get(), values);
    download(matrix.get(), lower);
    if (info != 0) {
      throw UserError(ErrorKind::kDiverged, "The eigendecomposition of the feature matrix did not converge.",
                      "Look for extreme values in the features.");
    }
    auto spectrum = largest_first(std::move(values), std::move(lower));
    if (wanted) spectrum.vectors.conservativeResize(wanted(spectrum.values), n);
    return spectrum;
  }

 private:
  /// Calls `use(first, count)` for pieces of n rows, a slot's worth each.
  template <class Use>
  void for_chunks(std::int64_t n, std::int64_t cols, const Use& use) {
    use_gpu(index_);
    const auto rows = std::max<std::int64_t>(kSlotValues / cols, 1);
    for (std::int64_t first = 0; first < n; first += rows) use(first, std::min(rows, n - first));
  }

  /// Waits until a slot's last work is done and delivers its result.
  static void settle(Slot& slot) {
    check(cudaEventSynchronize(slot.done), "waiting for the GPU");
    if (slot.deliver_to != nullptr) std::memcpy(slot.deliver_to, slot.out.get(), slot.deliver_count * sizeof(double));
    slot.deliver_to = nullptr;
  }

  /// Rows on their way into the next slot; work queued on the compute stream afterwards finds them there.
  Slot& send(const double* z, std::int64_t n, std::int64_t cols) {
    Slot& slot = slots_[next_ = 1 - next_];
    settle(slot);
    const auto values = static_cast<std::size_t>(n * cols);
    slot.rows.reserve(values);
    slot.device_rows.reserve(values);
    std::memcpy(slot.rows.get(), z, values * sizeof(double));
    check(cudaMemcpyAsync(slot.device_rows.get(), slot.rows.get(), values * sizeof(double), cudaMemcpyHostToDevice,
                          copies_),
          "copying to the GPU");
    check(cudaEventRecord(slot.copied, copies_), "recording an event");
    check(cudaStreamWaitEvent(compute_, slot.copied, 0), "waiting for a copy");
    return slot;
  }

  void upload(const RowMajorMatrixXd& from, DeviceArray<double>& to) {
    const auto count = static_cast<std::size_t>(from.size());
    to.reserve(count);
    check(cudaMemcpyAsync(to.get(), from.data(), count * sizeof(double), cudaMemcpyHostToDevice, compute_),
          "copying to the GPU");
    check(cudaStreamSynchronize(compute_), "waiting for the GPU");
  }

  /// To a matrix or a vector.
  template <class Dense>
  void download(const double* from, Dense& to) {
    check(cudaMemcpyAsync(to.data(), from, static_cast<std::size_t>(to.size()) * sizeof(double), cudaMemcpyDeviceToHost,
                          compute_),
          "copying from the GPU");
    check(cudaStreamSynchronize(compute_), "waiting for the GPU");
  }

  int index_;
  Stream compute_, copies_;
  Blas blas_;
  Solver solver_;
  SolverParams params_;
  DeviceArray<double> gram_, basis_;
  DeviceArray<int> info_;
  std::int64_t d_ = 0, basis_rows_ = 0, basis_cols_ = 0;
  std::array<Slot, 2> slots_;
  int next_ = 0;
};

}  // namespace
}  // namespace scalselect::cuda

extern "C" __attribute__((visibility("default"))) std::unique_ptr<scalselect::SubspaceKernels> scalselect_cuda_kernels(
    int index) {
  return std::make_unique<scalselect::cuda::CudaKernels>(index);
}
