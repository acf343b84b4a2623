// The weights of a Hugging Face folder in any storage: safetensors or PyTorch's .bin, whole or in shards.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "vlm/libtorch.h"
#include "vlm/safetensors.h"
#include "vlm/torch_file.h"

namespace scalselect::vlm {

/// Tensor name -> shard's file name, from model.safetensors.index.json or pytorch_model.bin.index.json. Throws
/// UserError(kInput): not JSON, no weight_map, a shard outside the index's folder.
std::map<std::string, std::string> read_weight_index(const std::filesystem::path& index);

/// As transformers, which reads all that an index names from whichever of its shards holds it: names that shard in
/// `map` for each tensor that is elsewhere than the index says, and tells so once. `holds(shard, tensor)`: false also
/// for a shard that is missing.
void correct_weight_index(std::map<std::string, std::string>& map, const std::filesystem::path& index,
                          const std::function<bool(const std::string&, const std::string&)>& holds);

/// What a folder without the weights that were looked for has in their place, as the end of a sentence: "; it has
/// 'model.gguf'", "; its 'model.safetensors' is a link to a file that is missing". Empty: nothing like weights.
std::string weights_seen(const std::filesystem::path& folder);

class WeightFiles {
 public:
  /// `place`: a folder with model.safetensors(.index.json) or pytorch_model.bin(.index.json), in transformers' order
  /// (safetensors before .bin, a whole file before an index); or one .safetensors or .bin file. Throws
  /// UserError(kInput): no weights there (naming what is there), a shard missing or damaged, an index of .bin files
  /// that names a tensor which no shard holds.
  explicit WeightFiles(const std::filesystem::path& place);

  bool has(const std::string& name) const;
  std::vector<std::string> names() const;  ///< sorted
  /// A CPU tensor over the mapped file: never write to it. Throws UserError(kInput) if there is no such tensor.
  torch::Tensor tensor(const std::string& name) const;
  std::vector<std::int64_t> shape(const std::string& name) const;
  /// Releases the memory of a tensor's pages, if they are only mapped; they are read again when they are touched.
  void release(const std::string& name) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  void open_torch_shards(const std::filesystem::path& index);
  const TorchFile& torch_file(const std::string& name) const;

  std::filesystem::path path_;
  std::unique_ptr<const SafetensorsFolder> safe_;                    ///< null: PyTorch's files
  std::map<std::string, std::shared_ptr<const TorchFile>> tensors_;  ///< of PyTorch's files
};

}  // namespace scalselect::vlm
