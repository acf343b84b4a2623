// The weights of a Hugging Face folder in any storage: safetensors or PyTorch's .bin, whole or in shards.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// Tensor name -> shard's file name, from model.safetensors.index.json or pytorch_model.bin.index.json. Throws
/// UserError(kInput): not JSON, no weight_map, a shard outside the index's folder.
std::map<std::string, std::string> read_weight_index(const std::filesystem::path& index);

class WeightFiles {
 public:
  /// `place`: a folder with model.safetensors(.index.json) or pytorch_model.bin(.index.json), in transformers' order
  /// (safetensors before .bin, a whole file before an index); or
  /// one .safetensors or .bin file. Throws UserError(kInput): no weights there, a shard missing or damaged, an index
  /// that names a tensor which its shard does not hold.
  explicit WeightFiles(const std::filesystem::path& place);

  bool has(const std::string& name) const { return tensors_.contains(name); }
  std::vector<std::string> names() const;  ///< sorted
  /// A CPU tensor over the mapped file: never write to it. Throws UserError(kInput) if there is no such tensor.
  torch::Tensor tensor(const std::string& name) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  void open_safetensors();
  void open_torch_file(const std::filesystem::path& file);
  void open_torch_shards(const std::filesystem::path& index);

  std::filesystem::path path_;
  std::map<std::string, std::function<torch::Tensor()>> tensors_;
};

}  // namespace scalselect::vlm
