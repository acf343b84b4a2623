// Checkpoints that do not fit into memory: safetensors written one tensor at a time.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// A tensor that is made when it is written, and dropped afterwards.
struct LazyTensor {
  std::string name;
  torch::ScalarType type = torch::kFloat;
  std::vector<std::int64_t> shape;
  std::function<torch::Tensor()> make;  ///< returns that type and shape
};

/// As write_safetensors, holding one tensor at a time: for checkpoints that do not fit into memory.
void stream_safetensors(const std::filesystem::path& file, const std::vector<LazyTensor>& tensors,
                        const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

}  // namespace scalselect::vlm
