#include "selector/subspace_kernels.h"

#include <utility>

#include "core/device.h"
#include "core/parallel.h"
#include "selector/linalg.h"

namespace scalselect {
namespace {

constexpr std::int64_t kProjectRows = 256;  // rows that one thread projects at a time

class CpuKernels final : public SubspaceKernels {
 public:
  void start_gram(std::int64_t d) override { gram_.setZero(d, d); }

  void add_rows(const ConstRowsXd& z) override { add_gram(z, gram_); }

  RowMajorMatrixXd finish_gram() override { return std::exchange(gram_, {}); }

  void set_basis(RowMajorMatrixXd basis) override { basis_ = std::move(basis); }

  void project(const ConstRowsXd& z, Eigen::Map<RowMajorMatrixXd> out) override {
    parallel_blocks(z.rows(), kProjectRows, [&](std::int64_t begin, std::int64_t end) {
      out.middleRows(begin, end - begin).noalias() = z.middleRows(begin, end - begin) * basis_.transpose();
    });
  }

  bool projects_concurrently() const override { return true; }

  Spectrum symmetric_eigen(RowMajorMatrixXd lower, const WantedVectors& wanted) override {
    return scalselect::symmetric_eigen(std::move(lower), wanted);
  }

 private:
  RowMajorMatrixXd gram_, basis_;
};

}  // namespace

std::unique_ptr<SubspaceKernels> make_cpu_kernels() { return std::make_unique<CpuKernels>(); }

std::unique_ptr<SubspaceKernels> make_subspace_kernels() {
  const auto device = compute_device();
  return device.cuda ? make_cuda_kernels(device.index) : make_cpu_kernels();
}

}  // namespace scalselect
