// The GPU's kernels on a CUDA of our own, whose memory is the host's and whose cuBLAS is OpenBLAS: every size, leading
// dimension, transposition and wait is as on a GPU, only the GPU is missing. Copies and products run when a stream is
// waited for, so that a result fetched too early, or a buffer filled again too soon, is seen.
#include <cblas.h>
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "core/error.h"
#include "tests/selector_cuda/compare_kernels.h"

extern "C" std::unique_ptr<scalselect::SubspaceKernels> scalselect_cuda_kernels(int index);

namespace {

/// Work waits in its stream; an event is a place in one.
struct FakeStream {
  std::deque<std::function<void()>> work;
  std::size_t done = 0;
};
struct FakeEvent {
  FakeStream* stream = nullptr;
  std::size_t place = 0;
};
int gpus = 1;
std::size_t memory_left = 1 << 30;
std::map<void*, std::size_t> allocated;
FakeStream* blas_stream = nullptr;

void run_until(FakeStream& stream, std::size_t place) {
  while (stream.done < place) {
    auto work = std::move(stream.work.front());
    stream.work.pop_front();
    ++stream.done;
    work();
  }
}
void run_all(FakeStream& stream) { run_until(stream, stream.done + stream.work.size()); }
FakeStream& of(cudaStream_t stream) { return *reinterpret_cast<FakeStream*>(stream); }
FakeEvent& of(cudaEvent_t event) { return *reinterpret_cast<FakeEvent*>(event); }
int to_int(std::int64_t value) { return static_cast<int>(value); }
CBLAS_TRANSPOSE trans(cublasOperation_t op) { return op == CUBLAS_OP_N ? CblasNoTrans : CblasTrans; }
CBLAS_UPLO part(cublasFillMode_t mode) { return mode == CUBLAS_FILL_MODE_UPPER ? CblasUpper : CblasLower; }

}  // namespace

extern "C" {
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w, double* work,
             const int* lwork, int* iwork, const int* liwork, int* info);

cudaError_t cudaGetDeviceCount(int* count) { return *count = gpus, gpus > 0 ? cudaSuccess : cudaErrorNoDevice; }
cudaError_t cudaSetDevice(int index) { return index < gpus ? cudaSuccess : cudaErrorInvalidDevice; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory"
         : error == cudaErrorNoDevice       ? "no CUDA-capable device is detected"
                                            : "?";
}
cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  if (bytes > memory_left) return cudaErrorMemoryAllocation;
  memory_left -= bytes;
  allocated[*data = std::malloc(bytes + 1)] = bytes;
  std::memset(*data, 0x7f, bytes);
  return cudaSuccess;
}
cudaError_t cudaFree(void* data) {
  memory_left += allocated.at(data);
  allocated.erase(data);
  std::free(data);
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** data, std::size_t bytes) { return cudaMalloc(data, bytes); }
cudaError_t cudaFreeHost(void* data) { return cudaFree(data); }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return *stream = reinterpret_cast<cudaStream_t>(new FakeStream), cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return run_all(of(stream)), cudaSuccess; }
cudaError_t cudaStreamDestroy(cudaStream_t stream) { return delete &of(stream), cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return *event = reinterpret_cast<cudaEvent_t>(new FakeEvent), cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) { return delete &of(event), cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  of(event) = {&of(stream), of(stream).done + of(stream).work.size()};
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (of(event).stream != nullptr) run_until(*of(event).stream, of(event).place);
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  of(stream).work.emplace_back([then = of(event)] { run_until(*then.stream, then.place); });
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  of(stream).work.emplace_back([=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  of(stream).work.emplace_back([=] { std::memset(to, value, bytes); });
  return cudaSuccess;
}

cublasStatus_t cublasCreate_v2(cublasHandle_t* blas) { return *blas = nullptr, CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasDestroy_v2(cublasHandle_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetStream_v2(cublasHandle_t, cudaStream_t stream) {
  return blas_stream = &of(stream), CUBLAS_STATUS_SUCCESS;
}
const char* cublasGetStatusString(cublasStatus_t) { return "?"; }
cublasStatus_t cublasDsyrk_v2_64(cublasHandle_t, cublasFillMode_t uplo, cublasOperation_t op, std::int64_t n,
                                 std::int64_t k, const double* alpha, const double* a, std::int64_t lda,
                                 const double* beta, double* c, std::int64_t ldc) {
  blas_stream->work.emplace_back([=, alpha = *alpha, beta = *beta] {
    cblas_dsyrk(CblasColMajor, part(uplo), trans(op), to_int(n), to_int(k), alpha, a, to_int(lda), beta, c,
                to_int(ldc));
  });
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDsyr_v2_64(cublasHandle_t, cublasFillMode_t uplo, std::int64_t n, const double* alpha,
                                const double* x, std::int64_t incx, double* a, std::int64_t lda) {
  blas_stream->work.emplace_back([=, alpha = *alpha] {
    cblas_dsyr(CblasColMajor, part(uplo), to_int(n), alpha, x, to_int(incx), a, to_int(lda));
  });
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDgemm_v2_64(cublasHandle_t, cublasOperation_t op_a, cublasOperation_t op_b, std::int64_t m,
                                 std::int64_t n, std::int64_t k, const double* alpha, const double* a, std::int64_t lda,
                                 const double* b, std::int64_t ldb, const double* beta, double* c, std::int64_t ldc) {
  blas_stream->work.emplace_back([=, alpha = *alpha, beta = *beta] {
    cblas_dgemm(CblasColMajor, trans(op_a), trans(op_b), to_int(m), to_int(n), to_int(k), alpha, a, to_int(lda), b,
                to_int(ldb), beta, c, to_int(ldc));
  });
  return CUBLAS_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* solver) { return *solver = nullptr, CUSOLVER_STATUS_SUCCESS; }
cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t) { return CUSOLVER_STATUS_SUCCESS; }
cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t, cudaStream_t) { return CUSOLVER_STATUS_SUCCESS; }
cusolverStatus_t cusolverDnCreateParams(cusolverDnParams_t* params) {
  return *params = nullptr, CUSOLVER_STATUS_SUCCESS;
}
cusolverStatus_t cusolverDnDestroyParams(cusolverDnParams_t) { return CUSOLVER_STATUS_SUCCESS; }
cusolverStatus_t cusolverDnXsyevd_bufferSize(cusolverDnHandle_t, cusolverDnParams_t, cusolverEigMode_t,
                                             cublasFillMode_t, std::int64_t n, cudaDataType, const void*, std::int64_t,
                                             cudaDataType, const void*, cudaDataType, std::size_t* device_bytes,
                                             std::size_t* host_bytes) {
  *device_bytes = static_cast<std::size_t>(1 + 6 * n + 2 * n * n) * sizeof(double);
  *host_bytes = static_cast<std::size_t>(3 + 5 * n) * sizeof(int);
  return CUSOLVER_STATUS_SUCCESS;
}
cusolverStatus_t cusolverDnXsyevd(cusolverDnHandle_t, cusolverDnParams_t, cusolverEigMode_t, cublasFillMode_t uplo,
                                  std::int64_t n, cudaDataType, void* a, std::int64_t lda, cudaDataType, void* w,
                                  cudaDataType, void* work, std::size_t device_bytes, void* iwork,
                                  std::size_t host_bytes, int* info) {
  blas_stream->work.emplace_back([=, iwork_values = std::vector<int>(host_bytes / sizeof(int))]() mutable {
    static_cast<void>(iwork);
    const int size = to_int(n), stride = to_int(lda),
              lwork = to_int(static_cast<std::int64_t>(device_bytes / sizeof(double))),
              liwork = static_cast<int>(iwork_values.size());
    dsyevd_("V", uplo == CUBLAS_FILL_MODE_UPPER ? "U" : "L", &size, static_cast<double*>(a), &stride,
            static_cast<double*>(w), static_cast<double*>(work), &lwork, iwork_values.data(), &liwork, info);
  });
  return CUSOLVER_STATUS_SUCCESS;
}
}  // extern "C"

namespace scalselect {
namespace {

TEST(FakeCuda, KernelsAreTheCpusAndFreeWhatTheyTake) {
  compare_kernels(*scalselect_cuda_kernels(0));
  EXPECT_TRUE(allocated.empty());
}

std::string refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kEnvironment);
    return error.what();
  }
  return "no refusal";
}

TEST(FakeCuda, WhatIsMissingIsSaidInASentence) {
  EXPECT_NE(refusal([] { scalselect_cuda_kernels(1); }).find("There is no GPU 1: this machine shows 1."),
            std::string::npos);
  gpus = 0;
  const auto none = refusal([] { scalselect_cuda_kernels(0); });
  EXPECT_NE(none.find("no CUDA-capable device"), std::string::npos) << none;
  EXPECT_NE(none.find("device=cpu"), std::string::npos) << none;
  gpus = 1;
  memory_left = 1000;
  const auto full = refusal([] { scalselect_cuda_kernels(0)->start_gram(64); });
  memory_left = 1 << 30;
  EXPECT_NE(full.find("out of memory"), std::string::npos) << full;
  EXPECT_TRUE(allocated.empty());
}

}  // namespace
}  // namespace scalselect
