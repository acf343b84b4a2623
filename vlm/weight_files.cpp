#include "vlm/weight_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;

bool is_torch_file(const fs::path& file) {
  const auto extension = file.extension();
  return extension == ".bin" || extension == ".pt" || extension == ".pth";
}

}  // namespace

std::string weights_seen(const fs::path& folder) {
  static const std::set<std::string> kinds = {".safetensors", ".bin", ".pt",      ".pth",
                                              ".gguf",        ".h5",  ".msgpack", ".onnx"};
  std::vector<std::string> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    const auto name = entry.path().filename().string();
    if (!kinds.contains(entry.path().extension().string())) continue;
    if (entry.is_symlink() && !fs::exists(entry.path(), failed)) {
      return fmt::format("; its '{}' is a link to a file that is missing", name);
    }
    found.push_back(name);
  }
  if (found.empty()) return "";
  std::sort(found.begin(), found.end());
  return fmt::format("; it has '{}'{}", found.front(),
                     found.size() > 1 ? fmt::format(" and {} more", found.size() - 1) : "");
}

WeightFiles::WeightFiles(const fs::path& place) : path_(place) {
  const bool folder = fs::is_directory(place);
  const auto add = [&](const fs::path& file) {
    const auto torch_file = std::make_shared<const TorchFile>(file);
    for (const auto& name : torch_file->names()) tensors_[name] = torch_file;
  };
  const bool safe =
      folder && (fs::exists(place / "model.safetensors.index.json") || fs::exists(place / "model.safetensors"));
  if (!folder && is_torch_file(place)) {
    add(place);
  } else if (folder && !safe && fs::exists(place / "pytorch_model.bin")) {
    add(place / "pytorch_model.bin");
  } else if (folder && !safe && fs::exists(place / "pytorch_model.bin.index.json")) {
    open_torch_shards(place / "pytorch_model.bin.index.json");
  } else if (folder && !safe) {
    throw UserError(
        ErrorKind::kInput,
        fmt::format("'{}' has no weights under the names of Hugging Face (model.safetensors, pytorch_model.bin, "
                    "or shards with their index){}.",
                    place.string(), weights_seen(place)),
        "Give the folder as save_pretrained writes it, or fetch the files that are missing.");
  } else {
    safe_ = std::make_unique<const SafetensorsFolder>(place);
  }
}

void WeightFiles::open_torch_shards(const fs::path& index) {
  auto where = read_weight_index(index);
  std::map<std::string, std::shared_ptr<const TorchFile>> shards;
  for (const auto& [name, file] : where) {
    auto& shard = shards[file];
    if (!shard) shard = std::make_shared<const TorchFile>(index.parent_path() / file);
  }
  correct_weight_index(where, index,
                       [&](const std::string& file, const std::string& name) { return shards[file]->has(name); });
  for (const auto& [name, file] : where) {
    if (!shards[file]->has(name)) {
      throw UserError(
          ErrorKind::kInput,
          fmt::format("'{}' says that tensor '{}' is in '{}', which does not hold it.", index.string(), name, file),
          "Fetch the folder again: index and shards belong to different versions.");
    }
    tensors_[name] = shards[file];
  }
}

bool WeightFiles::has(const std::string& name) const { return safe_ ? safe_->has(name) : tensors_.contains(name); }

std::vector<std::string> WeightFiles::names() const {
  if (safe_) return safe_->names();
  std::vector<std::string> names;
  for (const auto& item : tensors_) names.push_back(item.first);
  return names;
}

const TorchFile& WeightFiles::torch_file(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return *found->second;
  throw UserError(ErrorKind::kInput,
                  fmt::format("'{}' holds no tensor '{}'.{}", path_.string(), name, did_you_mean(name, names())));
}

torch::Tensor WeightFiles::tensor(const std::string& name) const {
  return safe_ ? safe_->tensor(name) : torch_file(name).tensor(name);
}

std::vector<std::int64_t> WeightFiles::shape(const std::string& name) const {
  return safe_ ? safe_->shape(name) : torch_file(name).shape(name);
}

void WeightFiles::release(const std::string& name) const {
  if (safe_) safe_->release(name);
}

}  // namespace scalselect::vlm
