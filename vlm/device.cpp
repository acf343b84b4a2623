#include "vlm/device.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>

#include "core/error.h"

namespace scalselect::vlm {
namespace fs = std::filesystem;
namespace {

constexpr char kDriverRemedy[] =
    "Check nvidia-smi: the driver must be installed and support CUDA 13 (580 or newer); or use device=cpu.";

/// The folder of the libtorch_cpu.so that this process runs on.
fs::path libtorch_folder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&at::globalContext), &info) == 0 || info.dli_fname == nullptr) return {};
  return fs::path(info.dli_fname).parent_path();
}

void open_cuda_half() {
  // cuBLAS keeps a workspace per thread, of 32 MiB on recent cards by default.
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:2", /*overwrite=*/0);
  const auto library = libtorch_folder() / "libtorch_cuda.so";
  if (!fs::exists(library)) {
    throw UserError(ErrorKind::kEnvironment,
                    fmt::format("This LibTorch has no CUDA half: there is no '{}'.", library.string()),
                    "Point LIBTORCH at the `torch` wheel of PyPI when building, or use device=cpu.");
  }
  if (::dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    throw UserError(ErrorKind::kEnvironment, fmt::format("LibTorch's CUDA half cannot be opened: {}.", ::dlerror()),
                    "Install CUDA 13, cuDNN 9 and NCCL (or the nvidia-* wheels that torch lists) and put them on "
                    "LD_LIBRARY_PATH; or use device=cpu.");
  }
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
  // cuDNN plans again for every shape and thread, some 40 ms each, and sequences differ in length.
  at::globalContext().setSDPUseCuDNN(false);
  at::globalContext().setUserEnabledCuDNN(false);
}

}  // namespace

torch::Device open_device(const ComputeDevice& device) {
  if (!device.cuda) return torch::kCPU;
  static std::once_flag opened;  // an exception leaves it as it was
  std::call_once(opened, open_cuda_half);
  std::int64_t count = 0;
  try {
    count = static_cast<std::int64_t>(torch::cuda::device_count());
    if (count > 0) at::globalContext().lazyInitDevice(torch::kCUDA);
  } catch (const c10::Error& error) {
    throw UserError(ErrorKind::kEnvironment, fmt::format("The GPU cannot be used: {}.", error.what_without_backtrace()),
                    kDriverRemedy);
  }
  if (count == 0) throw UserError(ErrorKind::kEnvironment, "LibTorch finds no GPU on this machine.", kDriverRemedy);
  check_gpu(device.index, count);
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(device.index)};
}

DeviceMark::DeviceMark(torch::Device device) {
  if (!device.is_cuda()) return;
  event_.emplace(device.type());
  event_->record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
}

void DeviceMark::wait() const {
  if (event_) event_->synchronize();
}

}  // namespace scalselect::vlm
