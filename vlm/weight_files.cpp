#include "vlm/weight_files.h"

#include <fmt/format.h>

#include "core/error.h"
#include "vlm/safetensors.h"
#include "vlm/torch_file.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;

bool is_torch_file(const fs::path& file) {
  const auto extension = file.extension();
  return extension == ".bin" || extension == ".pt" || extension == ".pth";
}

}  // namespace

WeightFiles::WeightFiles(const fs::path& place) : path_(place) {
  const bool folder = fs::is_directory(place);
  const bool safe =
      folder && (fs::exists(place / "model.safetensors.index.json") || fs::exists(place / "model.safetensors"));
  if (!folder && is_torch_file(place)) {
    open_torch_file(place);
  } else if (folder && !safe && fs::exists(place / "pytorch_model.bin")) {
    open_torch_file(place / "pytorch_model.bin");
  } else if (folder && !safe && fs::exists(place / "pytorch_model.bin.index.json")) {
    open_torch_shards(place / "pytorch_model.bin.index.json");
  } else {
    open_safetensors();
  }
}

void WeightFiles::open_safetensors() {
  const auto files = std::make_shared<const SafetensorsFolder>(path_);
  for (const auto& name : files->names()) tensors_[name] = [files, name] { return files->tensor(name); };
}

void WeightFiles::open_torch_file(const fs::path& file) {
  const auto shard = std::make_shared<const TorchFile>(file);
  for (const auto& name : shard->names()) tensors_[name] = [shard, name] { return shard->tensor(name); };
}

void WeightFiles::open_torch_shards(const fs::path& index) {
  std::map<std::string, std::shared_ptr<const TorchFile>> shards;
  for (const auto& [name, file] : read_weight_index(index)) {
    auto& shard = shards[file];
    if (!shard) shard = std::make_shared<const TorchFile>(index.parent_path() / file);
    if (!shard->has(name)) {
      throw UserError(
          ErrorKind::kInput,
          fmt::format("'{}' says that tensor '{}' is in '{}', which does not hold it.", index.string(), name, file),
          "Fetch the folder again: index and shards belong to different versions.");
    }
    tensors_[name] = [shard, name = name] { return shard->tensor(name); };
  }
}

std::vector<std::string> WeightFiles::names() const {
  std::vector<std::string> names;
  for (const auto& item : tensors_) names.push_back(item.first);
  return names;
}

torch::Tensor WeightFiles::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("'{}' holds no tensor '{}'.{}", path_.string(), name, did_you_mean(name, names())));
  }
  return found->second();
}

}  // namespace scalselect::vlm
