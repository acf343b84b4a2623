// Opens the CUDA half of the selector at run time, so that one program serves machines with and without a GPU.
#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/error.h"
#include "selector/cuda/plugin.h"

namespace scalselect {
namespace fs = std::filesystem;
namespace {

constexpr char kRemedy[] =
    "Use device=cpu, or build where the CUDA Toolkit is (cmake finds nvcc) and run on a machine with a GPU.";

std::string plugin_path() {
  if (const char* path = std::getenv("SCALSELECT_CUDA_PLUGIN")) return path;
  std::error_code unknown;
  return (fs::read_symlink("/proc/self/exe", unknown).parent_path() / "libscalselect_cuda.so").string();
}

CudaFactory find_factory() {
  const auto path = plugin_path();
  if (!fs::exists(path)) {
    throw UserError(ErrorKind::kEnvironment,
                    fmt::format("This build cannot use a GPU: '{}', its CUDA half, is missing.", path), kRemedy);
  }
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* symbol = library == nullptr ? nullptr : ::dlsym(library, kCudaFactory);
  if (symbol == nullptr) {
    throw UserError(ErrorKind::kEnvironment, fmt::format("'{}' cannot be opened: {}.", path, ::dlerror()),
                    "The CUDA 13 runtime, cuBLAS and cuSOLVER must be installed; or use device=cpu.");
  }
  return reinterpret_cast<CudaFactory>(symbol);
}

}  // namespace

std::unique_ptr<SubspaceKernels> make_cuda_kernels(int index) { return find_factory()(index); }

}  // namespace scalselect
