#include "selector/cuda/handles.h"

#include <fmt/format.h>

#include "core/device.h"
#include "core/error.h"

namespace scalselect::cuda {
namespace {

[[noreturn]] void fail(const std::string& what, const char* doing, const char* remedy) {
  throw UserError(ErrorKind::kEnvironment, fmt::format("The GPU failed at {}: {}.", doing, what), remedy);
}

const char* remedy_for(cudaError_t status) {
  switch (status) {
    case cudaErrorMemoryAllocation: return "Free GPU memory (other programs may hold it), or use device=cpu.";
    case cudaErrorNoDevice: return "This machine shows no GPU (nvidia-smi lists them); use device=cpu.";
    case cudaErrorInsufficientDriver:
      return "The NVIDIA driver is missing or older than CUDA 13 (580 or newer); use device=cpu.";
    default: return "Use device=cpu if it fails again.";
  }
}

}  // namespace

void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // forget it: the next call is judged on its own
  fail(cudaGetErrorString(status), doing, remedy_for(status));
}

void check(cublasStatus_t status, const char* doing) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const bool memory = status == CUBLAS_STATUS_ALLOC_FAILED;
  fail(std::string("cuBLAS: ") + cublasGetStatusString(status), doing,
       remedy_for(memory ? cudaErrorMemoryAllocation : cudaErrorUnknown));
}

void check(cusolverStatus_t status, const char* doing) {
  if (status == CUSOLVER_STATUS_SUCCESS) return;
  const bool memory = status == CUSOLVER_STATUS_ALLOC_FAILED;
  fail(fmt::format("cuSOLVER status {}", static_cast<int>(status)), doing,
       remedy_for(memory ? cudaErrorMemoryAllocation : cudaErrorUnknown));
}

cudaStream_t new_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return stream;
}

cudaEvent_t new_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  return event;
}

cublasHandle_t new_blas(cudaStream_t stream) {
  cublasHandle_t blas = nullptr;
  check(cublasCreate(&blas), "starting cuBLAS");
  check(cublasSetStream(blas, stream), "starting cuBLAS");
  return blas;
}

cusolverDnHandle_t new_solver(cudaStream_t stream) {
  cusolverDnHandle_t solver = nullptr;
  check(cusolverDnCreate(&solver), "starting cuSOLVER");
  check(cusolverDnSetStream(solver, stream), "starting cuSOLVER");
  return solver;
}

cusolverDnParams_t new_solver_params() {
  cusolverDnParams_t params = nullptr;
  check(cusolverDnCreateParams(&params), "starting cuSOLVER");
  return params;
}

void use_gpu(int index) {
  int count = 0;
  check(cudaGetDeviceCount(&count), "looking for GPUs");
  check_gpu(index, count);
  check(cudaSetDevice(index), "choosing the GPU");
}

}  // namespace scalselect::cuda
