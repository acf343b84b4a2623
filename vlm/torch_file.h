// PyTorch's own checkpoint files (.bin, .pt of torch >= 1.6): a zip of one pickle and raw storages. Read without Python
// and without running anything in the pickle (vlm/pickle.h).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "vlm/libtorch.h"
#include "vlm/pickle.h"

namespace scalselect::vlm {

/// One state dict, mapped. Tensors keep the mapping alive.
class TorchFile {
 public:
  /// Throws UserError(kInput), naming the file: missing, cut short, the format of torch < 1.6, big-endian, or whatever
  /// read_state_dict_pickle refuses.
  explicit TorchFile(const std::filesystem::path& file);

  bool has(const std::string& name) const { return entries_.contains(name); }
  /// A CPU tensor over the mapping (**never write to it**), strides as stored.
  torch::Tensor tensor(const std::string& name) const;
  std::vector<std::int64_t> shape(const std::string& name) const;
  std::vector<std::string> names() const;  ///< sorted
  const std::filesystem::path& path() const { return path_; }

 private:
  struct Archive;
  const PickledTensor& entry(const std::string& name) const;
  std::filesystem::path path_;
  std::shared_ptr<const Archive> archive_;
  std::map<std::string, PickledTensor> entries_;
};

}  // namespace scalselect::vlm
