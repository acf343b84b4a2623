#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/python_json.h"
#include "vlm/safetensors.h"
#include "vlm/weight_files.h"

namespace scalselect::vlm {

std::map<std::string, std::string> read_weight_index(const std::filesystem::path& index) {
  const auto refuse = [&](const std::string& what) {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' {}.", index.string(), what), "Fetch the file again.");
  };
  std::map<std::string, std::string> map;
  const auto tree = read_python_json(index);
  if (!tree.is_object() || !tree.contains("weight_map") || !tree["weight_map"].is_object()) {
    refuse("is not a JSON object with a weight_map");
  }
  for (const auto& [name, value] : tree["weight_map"].items()) {
    if (!value.is_string()) refuse(fmt::format("has no file name for tensor '{}'", name));
    const auto shard = value.get<std::string>();
    if (std::filesystem::path(shard).filename() != shard) {
      refuse(fmt::format("names the shard '{}', which is not a plain file name", shard));
    }
    map[name] = shard;
  }
  return map;
}

void correct_weight_index(std::map<std::string, std::string>& map, const std::filesystem::path& index,
                          const std::function<bool(const std::string&, const std::string&)>& holds) {
  std::set<std::string> shards;
  for (const auto& [name, shard] : map) shards.insert(shard);
  std::string first;
  std::size_t moved = 0;
  for (auto& [name, shard] : map) {
    if (holds(shard, name)) continue;
    const auto other = std::find_if(shards.begin(), shards.end(), [&](const auto& file) { return holds(file, name); });
    if (other == shards.end()) continue;
    if (moved++ == 0) first = fmt::format("'{}' is in '{}', but it is read from '{}'", name, shard, *other);
    shard = *other;
  }
  if (moved == 0) return;
  log_warning("{} says that tensor {}, which holds it{}", index.string(), first,
              moved > 1 ? fmt::format(" (and {} more tensors are in other files than it says)", moved - 1) : "");
}

SafetensorsFolder::SafetensorsFolder(const std::filesystem::path& folder) : path_(folder) {
  const bool inside = std::filesystem::is_directory(folder);
  const auto single = inside ? folder / "model.safetensors" : folder, index = folder / "model.safetensors.index.json";
  if (std::filesystem::is_regular_file(single)) {
    const auto name = single.filename().string();
    for (const auto& tensor : shards_.emplace(name, SafetensorsFile(single)).first->second.names())
      where_[tensor] = name;
    return;
  }
  if (!inside || !std::filesystem::exists(index)) {
    throw UserError(
        ErrorKind::kInput,
        fmt::format("'{}' holds neither model.safetensors nor model.safetensors.index.json.", folder.string()),
        "Give the folder of a Hugging Face model with safetensors weights.");
  }
  where_ = read_weight_index(index);
  for (const auto& [name, file] : where_) {
    if (!shards_.contains(file) && std::filesystem::exists(folder / file)) {
      shards_.emplace(file, SafetensorsFile(folder / file));
    }
  }
  correct_weight_index(where_, index, [&](const std::string& file, const std::string& name) {
    const auto shard = shards_.find(file);
    return shard != shards_.end() && shard->second.has(name);
  });
  if (shards_.empty()) {
    throw UserError(ErrorKind::kInput,
                    where_.empty() ? fmt::format("'{}' names no tensors.", index.string())
                                   : fmt::format("'{}' names {} tensors in files that do not exist.", index.string(),
                                                 where_.size()),
                    "Fetch the folder again.");
  }
}

bool SafetensorsFolder::has(const std::string& name) const {
  const auto found = where_.find(name);
  const auto shard = found == where_.end() ? shards_.end() : shards_.find(found->second);
  return shard != shards_.end() && shard->second.has(name);
}

const SafetensorsFile& SafetensorsFolder::shard_of(const std::string& name) const {
  const auto found = where_.find(name);
  if (found == where_.end()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("'{}' holds no tensor '{}'.{}", path_.string(), name, did_you_mean(name, names())));
  }
  const auto shard = shards_.find(found->second);
  if (shard != shards_.end() && shard->second.has(name)) return shard->second;
  throw UserError(
      ErrorKind::kInput,
      fmt::format("'{}' says that tensor '{}' is in '{}', which {}.", (path_ / "model.safetensors.index.json").string(),
                  name, found->second, shard == shards_.end() ? "is missing" : "does not hold it"),
      "Fetch the folder again: index and shards belong to different versions.");
}

torch::Tensor SafetensorsFolder::tensor(const std::string& name) const { return shard_of(name).tensor(name); }
void SafetensorsFolder::release(const std::string& name) const { shard_of(name).release(name); }
std::vector<std::int64_t> SafetensorsFolder::shape(const std::string& name) const { return shard_of(name).shape(name); }

std::vector<std::string> SafetensorsFolder::names() const {
  std::vector<std::string> names;
  for (const auto& item : where_) names.push_back(item.first);
  return names;
}

std::vector<std::filesystem::path> SafetensorsFolder::files() const {
  std::vector<std::filesystem::path> files;
  for (const auto& [name, shard] : shards_) files.push_back(shard.path());
  return files;
}

}  // namespace scalselect::vlm
