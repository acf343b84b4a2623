#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "vlm/safetensors.h"
#include "vlm/weight_files.h"

namespace scalselect::vlm {

std::map<std::string, std::string> read_weight_index(const std::filesystem::path& index) {
  const auto refuse = [&](const std::string& what) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' {}.", index.string(), what), "Fetch the file again.");
  };
  std::map<std::string, std::string> map;
  const auto tree = nlohmann::json::parse(read_file(index, kConfigBytes), nullptr, false);
  if (!tree.is_object() || !tree.contains("weight_map") || !tree["weight_map"].is_object()) {
    refuse("is not a JSON object with a weight_map");
  }
  for (const auto& [name, value] : tree["weight_map"].items()) {
    if (!value.is_string()) refuse(fmt::format("gives no file name for tensor '{}'", name));
    const auto shard = value.get<std::string>();
    if (std::filesystem::path(shard).filename() != shard) {
      refuse(fmt::format("names the shard '{}', which is not a plain file name", shard));
    }
    map[name] = shard;
  }
  return map;
}

SafetensorsFolder::SafetensorsFolder(const std::filesystem::path& folder) : path_(folder) {
  const auto index = folder / "model.safetensors.index.json";
  if (!std::filesystem::exists(index)) {
    const auto single = std::filesystem::is_directory(folder) ? folder / "model.safetensors" : folder;
    if (!std::filesystem::is_regular_file(single)) {
      throw UserError(
          ErrorKind::kInput,
          fmt::format("'{}' holds neither model.safetensors nor model.safetensors.index.json.", folder.string()),
          "Give the folder of a Hugging Face model with safetensors weights.");
    }
    shards_.emplace_back(single);
    for (const auto& name : shards_[0].names()) where_[name] = 0;
    return;
  }
  std::map<std::string, std::size_t> opened;
  for (const auto& [name, file] : read_weight_index(index)) {
    auto found = opened.find(file);
    if (found == opened.end()) {
      found = opened.emplace(file, shards_.size()).first;
      shards_.emplace_back(folder / file);
    }
    if (!shards_[found->second].has(name)) {
      throw UserError(
          ErrorKind::kInput,
          fmt::format("'{}' says that tensor '{}' is in '{}', which does not hold it.", index.string(), name, file),
          "Fetch the folder again: index and shards belong to different versions.");
    }
    where_[name] = found->second;
  }
}

std::size_t SafetensorsFolder::shard_of(const std::string& name) const {
  const auto found = where_.find(name);
  if (found == where_.end()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("'{}' holds no tensor '{}'.{}", path_.string(), name, did_you_mean(name, names())));
  }
  return found->second;
}

bool SafetensorsFolder::has(const std::string& name) const { return where_.contains(name); }
torch::Tensor SafetensorsFolder::tensor(const std::string& name) const { return shards_[shard_of(name)].tensor(name); }
void SafetensorsFolder::release(const std::string& name) const { shards_[shard_of(name)].release(name); }
std::vector<std::int64_t> SafetensorsFolder::shape(const std::string& name) const {
  return shards_[shard_of(name)].shape(name);
}

std::vector<std::string> SafetensorsFolder::names() const {
  std::vector<std::string> names;
  for (const auto& item : where_) names.push_back(item.first);
  return names;
}

std::vector<std::filesystem::path> SafetensorsFolder::files() const {
  std::vector<std::filesystem::path> files;
  for (const auto& shard : shards_) files.push_back(shard.path());
  return files;
}

}  // namespace scalselect::vlm
