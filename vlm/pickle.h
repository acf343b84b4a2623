// A reader for the pickles inside PyTorch checkpoints that runs nothing: it knows plain values, dictionaries and the
// few names that make tensors, and refuses every other name (Python's pickletools; torch/_utils.py,
// torch/serialization.py). Free of LibTorch, so that it can be fuzzed on its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scalselect::vlm {

/// One tensor of a state dict: a strided window into a storage, which is the archive's member data/`storage`.
struct PickledTensor {
  std::string storage;  ///< name of the storage's member
  std::string type;     ///< "Float", "Half", "BFloat16", "Double", "Long", "Int", "Short", "Char", "Byte", "Bool"
  std::int64_t storage_size = 0;  ///< elements
  std::int64_t offset = 0;        ///< elements
  std::vector<std::int64_t> shape, stride;
};

/// The tensors of a pickled state dict (a dict or OrderedDict of names and tensors) in the file's order; entries that
/// are not tensors (`_metadata`, numbers) are left out. `name` is the file's name in messages. Throws
/// UserError(kInput): damaged, not a dictionary, an instruction or a Python name that no state dict needs, a tensor
/// that reaches beyond its storage.
std::vector<std::pair<std::string, PickledTensor>> read_state_dict_pickle(std::string_view bytes,
                                                                          const std::string& name);

}  // namespace scalselect::vlm
