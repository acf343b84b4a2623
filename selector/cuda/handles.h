// CUDA objects that free themselves, and return codes as sentences.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace scalselect::cuda {

/// Throws UserError(kEnvironment) unless `status` is success; `doing` says what was tried. Out of memory, no GPU, no
/// driver and a driver too old have their own remedies.
void check(cudaError_t status, const char* doing);
void check(cublasStatus_t status, const char* doing);
void check(cusolverStatus_t status, const char* doing);

/// An array of T in device memory, or (kPinned) in page-locked host memory. Grows, never shrinks; contents are lost.
enum class Memory { kDevice, kPinned };

template <class T, Memory memory>
class Array {
 public:
  Array() = default;
  ~Array() { free(); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  void reserve(std::size_t count) {
    if (count <= count_) return;
    free();
    void* data = nullptr;
    if (memory == Memory::kDevice) check(cudaMalloc(&data, count * sizeof(T)), "reserving GPU memory");
    else check(cudaMallocHost(&data, count * sizeof(T)), "reserving page-locked memory");
    data_ = static_cast<T*>(data);
    count_ = count;
  }
  T* get() const { return data_; }

 private:
  void free() {
    if (data_ != nullptr) memory == Memory::kDevice ? cudaFree(data_) : cudaFreeHost(data_);
    data_ = nullptr;
    count_ = 0;
  }
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

template <class T>
using DeviceArray = Array<T, Memory::kDevice>;
template <class T>
using PinnedArray = Array<T, Memory::kPinned>;

/// A handle that `destroy` frees.
template <class T, auto destroy>
class Handle {
 public:
  template <class Create>
  explicit Handle(const Create& create) : value_(create()) {}
  ~Handle() { destroy(value_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator T() const { return value_; }  // NOLINT: CUDA's functions take it as it is

 private:
  T value_;
};

using Stream = Handle<cudaStream_t, cudaStreamDestroy>;
using Event = Handle<cudaEvent_t, cudaEventDestroy>;
using Blas = Handle<cublasHandle_t, cublasDestroy>;
using Solver = Handle<cusolverDnHandle_t, cusolverDnDestroy>;
using SolverParams = Handle<cusolverDnParams_t, cusolverDnDestroyParams>;

cudaStream_t new_stream();
cudaEvent_t new_event();
cublasHandle_t new_blas(cudaStream_t stream);
cusolverDnHandle_t new_solver(cudaStream_t stream);
cusolverDnParams_t new_solver_params();

/// Makes GPU `index` the calling thread's. Throws as `check`, and for an index that is too large.
void use_gpu(int index);

}  // namespace scalselect::cuda
