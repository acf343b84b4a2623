#include "data/pool_source.h"

namespace scalselect {

std::string source_of(const Sample& sample, const std::filesystem::path& image_root) {
  if (!sample.source.empty()) return sample.source;
  if (sample.images.empty()) return "text-only";
  const std::string root = image_root.lexically_normal().string() + "/", path = sample.images.front();
  if (!path.starts_with(root)) return {};
  return std::filesystem::path(path.substr(root.size())).parent_path().string();
}

bool is_of_source(std::string_view source, std::string_view name) {
  return source.starts_with(name) && (source.size() == name.size() || source[name.size()] == '/');
}

}  // namespace scalselect
