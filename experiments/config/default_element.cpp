#include "experiments/config/default_element.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace scalselect::config {
namespace {

std::string dots(std::string path) {
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string relative(const std::string& name) { return name.starts_with("/") ? name.substr(1) : name; }

std::string join(const std::string& dir, const std::string& path) {
  if (dir.empty()) return path;
  return path.empty() ? dir : dir + "/" + path;
}

}  // namespace

DefaultElement DefaultElement::group(std::string name, std::optional<std::string> package) {
  DefaultElement element = config(std::move(name), std::move(package));
  element.is_group = true;
  return element;
}

DefaultElement DefaultElement::config(std::string path, std::optional<std::string> package) {
  DefaultElement element;
  element.name = std::move(path);
  element.package = std::move(package);
  if (element.package == "_here_") element.package = "";
  return element;
}

bool DefaultElement::is_interpolation() const {
  const std::string text = is_group ? option.value_or("") : config_path();
  return text.find("${") != std::string::npos;
}

void DefaultElement::set_parent(const std::string& dir, const std::string& package_of_parent) {
  parent_dir = dir;
  parent_package = package_of_parent;
  constexpr std::string_view keyword = "_group_";
  if (!package || package->find(keyword) == std::string::npos) return;
  const std::string own = dots(group_path());
  for (std::size_t at = 0; (at = package->find(keyword, at)) != std::string::npos; at += own.size()) {
    package->replace(at, keyword.size(), own);
  }
  package = "_global_." + *package;
}

void DefaultElement::set_header(const std::string& text) {
  header = text == "_global_" || text.starts_with("_global_.") ? text : text.empty() ? "_global_" : "_global_." + text;
}

std::string DefaultElement::base_name() const {
  if (is_group) return option.value_or("");
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? name : name.substr(slash + 1);
}

std::string DefaultElement::group_path() const {
  const bool absolute = name.starts_with("/");
  const std::string group = is_group ? relative(name) : folder_of(relative(name));
  return absolute ? group : join(parent_dir, group);
}

std::string DefaultElement::config_path() const {
  if (is_group) return group_path() + "/" + option.value_or("None");
  return name.starts_with("/") ? relative(name) : join(parent_dir, name);
}

std::string DefaultElement::final_package(bool use_header) const {
  std::string own;
  if (package) own = *package;
  else if (use_header && header) own = *header;
  else own = dots(is_group ? relative(name) : folder_of(relative(name)));
  std::string result = parent_package;
  if (!own.empty()) result += (result.empty() ? "" : ".") + own;
  const auto global = result.rfind("_global_");
  if (global == std::string::npos) return result;
  return global + 9 <= result.size() ? result.substr(global + 9) : "";
}

std::string DefaultElement::override_key() const {
  const std::string package_now = final_package(false);
  std::string key = group_path();
  if (dots(key) == package_now) return key;
  return key + "@" + (package_now.empty() ? "_global_" : package_now);
}

std::string DefaultElement::choice_text(const char* none) const {
  return options ? join_names(*options, ",") : option.value_or(none);
}

std::string join_names(const std::vector<std::string>& names, const std::string& between) {
  return fmt::format("{}", fmt::join(names, between));
}

}  // namespace scalselect::config
