// The one interface between the program and its CUDA half. Both are built from one tree by one compiler.
#pragma once

#include <memory>

#include "selector/subspace_kernels.h"

namespace scalselect {

/// Kernels on GPU `index`. Throws UserError(kEnvironment).
using CudaFactory = std::unique_ptr<SubspaceKernels> (*)(int index);

constexpr char kCudaFactory[] = "scalselect_cuda_kernels";  ///< the name it is exported by

}  // namespace scalselect
