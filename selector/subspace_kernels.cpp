#include "selector/subspace_kernels.h"

#include <utility>

#include "core/device.h"
#include "core/parallel.h"

namespace scalselect {
namespace {

constexpr std::int64_t kProjectRows = 256;  // rows that one thread projects at a time

class CpuKernels final : public SubspaceKernels {
 public:
  void start_gram(std::int64_t d) override { gram_ = Dense(d, d); }

  void add_rows(const double* z, std::int64_t n) override { add_gram(z, n, gram_.cols, gram_); }

  void add_outer(const std::vector<double>& v, double factor) override { scalselect::add_outer(v, factor, gram_); }

  Dense finish_gram() override { return std::exchange(gram_, {}); }

  void set_basis(Dense basis) override { basis_ = std::move(basis); }

  void project(const double* z, std::int64_t n, double* out) override {
    const auto d = basis_.cols, k = basis_.rows;
    parallel_blocks(n, kProjectRows, [&](std::int64_t begin, std::int64_t end) {
      scalselect::project(z + begin * d, end - begin, basis_, k, out + begin * k);
    });
  }

  void symmetric_eigen(Dense lower, std::vector<double>& values, Dense& vectors) override {
    scalselect::symmetric_eigen(std::move(lower), values, vectors);
  }

 private:
  Dense gram_, basis_;
};

}  // namespace

std::unique_ptr<SubspaceKernels> make_cpu_kernels() { return std::make_unique<CpuKernels>(); }

std::unique_ptr<SubspaceKernels> make_subspace_kernels() {
  const auto device = compute_device();
  return device.cuda ? make_cuda_kernels(device.index) : make_cpu_kernels();
}

}  // namespace scalselect
