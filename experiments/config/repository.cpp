#include "experiments/config/repository.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "core/error.h"
#include "experiments/config/python_text.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& problem, const std::string& remedy = {}) {
  throw UserError(ErrorKind::kUsage, problem, remedy);
}

fs::path inside(const std::string& folder, const std::string& path) { return fs::path(folder) / path; }

/// `# @package a.b` among the leading comment lines that start with '@'.
std::optional<std::string> read_header(const std::string& text, const std::string& file) {
  std::istringstream stream(text.substr(0, 512));
  std::string line;
  std::optional<std::string> package;
  while (std::getline(stream, line)) {
    std::string_view rest = strip(line);
    if (rest.empty()) continue;
    if (rest[0] != '#') break;
    const std::string_view after_hash = strip(rest.substr(1));
    if (after_hash.empty() || after_hash[0] != '@') break;
    rest.remove_prefix(rest.find_first_not_of('#'));
    std::istringstream words{std::string(strip(rest))};
    const std::vector<std::string> parts{std::istream_iterator<std::string>(words), {}};
    if (parts.size() < 2) fail(file + ": Expected header format: KEY VALUE, got '" + line + "'");
    if (parts.size() > 2) fail(file + ": Too many components in '" + line + "'");
    if (parts[0] == "@package") package = parts[1];
  }
  return package;
}

/// "group@pkg" into group and pkg; a rename ("@a:b") keeps its first half.
std::pair<std::string, std::optional<std::string>> split_package(const std::string& text) {
  const auto at = text.find('@');
  if (at == std::string::npos) return {text, std::nullopt};
  const std::string package = text.substr(at + 1);
  return {text.substr(0, at), package.substr(0, package.find(':'))};
}

void read_keywords(RawDefault& entry) {
  std::istringstream stream(entry.name);
  std::string word;
  std::vector<std::string> words;
  while (std::getline(stream, word, ' ')) words.push_back(word);
  if (words.empty()) return;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "optional") entry.optional = true;
    else if (words[i] == "override") entry.override = true;
    else break;
  }
  entry.name = words.back();
}

RawDefault read_group(const Value& item, const std::string& config) {
  const std::string where = "In " + config + ": ";
  if (item.size() > 1) fail(where + "Too many keys in default item " + python_str(item));
  if (item.size() == 0) fail(where + "Missing group name in " + python_str(item));
  const auto& [key, value] = item.entries()[0];
  if (!key.is_string()) fail(where + "a group must be named by a string, not " + python_str(key));
  RawDefault entry;
  entry.is_group = true;
  std::tie(entry.name, entry.package) = split_package(key.as_string());
  read_keywords(entry);
  if (entry.name.empty()) fail(where + "Missing group name in " + python_str(item));
  if (value.is_string()) {
    entry.option = value.as_string();
  } else if (value.is_list()) {
    entry.options.emplace();
    for (const auto& option : value.items()) {
      if (!option.is_string()) {
        fail("Unsupported item value in defaults : " + std::string(kind_name(option.kind())) +
             ", nested list items must be strings");
      }
      entry.options->push_back(option.as_string());
    }
  } else if (!value.is_null()) {
    fail("Unsupported item value in defaults : " +
         (value.is_map() ? std::string("DictConfig") : std::string(kind_name(value.kind()))) +
         ". Supported: string or list");
  }
  return entry;
}

std::vector<RawDefault> read_defaults(const Value& list, const std::string& config) {
  std::vector<RawDefault> result;
  for (const auto& item : list.items()) {
    if (item.is_map()) {
      result.push_back(read_group(item, config));
    } else if (item.is_string()) {
      RawDefault entry;
      std::tie(entry.name, entry.package) = split_package(item.as_string());
      if (entry.name == "_self_" && entry.package) fail("_self_@PACKAGE is not supported");
      result.push_back(std::move(entry));
    } else {
      fail("Unsupported type in defaults : " + std::string(item.is_list() ? "ListConfig" : kind_name(item.kind())));
    }
  }
  return result;
}

LoadedConfig read_config(const std::string& text, const std::string& file, const std::string& path) {
  LoadedConfig loaded;
  loaded.file = file;
  loaded.package_header = read_header(text, file);
  loaded.content = parse_yaml(text, file);
  if (!loaded.content.is_map()) return loaded;
  if (const Value* defaults = loaded.content.find("defaults")) {
    if (!defaults->is_list()) {
      fail("Invalid defaults list in '" + path + "', defaults must be a list (got " +
           (defaults->is_map() ? "mapping" : std::string(kind_name(defaults->kind()))) + ")");
    }
    loaded.defaults = read_defaults(*defaults, path);
    loaded.content.erase("defaults");
  }
  return loaded;
}

std::vector<std::string> sorted_unique(std::vector<std::string> names) {
  const std::set<std::string> unique(names.begin(), names.end());
  return {unique.begin(), unique.end()};
}

}  // namespace

std::string with_extension(const std::string& path) { return path.ends_with(".yaml") ? path : path + ".yaml"; }

Repository::Repository(std::vector<std::string> folders) : folders_(std::move(folders)) {
  if (!folders_.empty() && !fs::is_directory(folders_[0])) {
    fail("Primary config directory not found.\nCheck that the config directory '" + folders_[0] +
         "' exists and readable");
  }
}

void Repository::append(const std::vector<std::string>& folders) {
  for (const auto& folder : folders) {
    folders_.push_back(folder.starts_with("file://") ? folder.substr(7) : folder);
  }
}

bool Repository::group_exists(const std::string& path) const {
  for (const auto& folder : folders_) {
    if (fs::is_directory(inside(folder, path))) return true;
  }
  return !builtin_options(path).empty() || !builtin_subgroups(path).empty();
}

bool Repository::config_exists(const std::string& path) const {
  for (const auto& folder : folders_) {
    if (fs::is_regular_file(inside(folder, with_extension(path)))) return true;
  }
  return builtin_config(path) != nullptr;
}

std::shared_ptr<const LoadedConfig> Repository::load(const std::string& path) {
  const auto cached = cache_.find(path);
  if (cached != cache_.end()) return cached->second;
  std::shared_ptr<const LoadedConfig> result;
  for (const auto& folder : folders_) {
    const fs::path file = inside(folder, with_extension(path));
    if (!fs::is_regular_file(file)) continue;
    std::ifstream stream(file, std::ios::binary);
    if (!stream) fail("The file '" + file.string() + "' cannot be read.", "Check its permissions.");
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    result = std::make_shared<LoadedConfig>(read_config(text, file.string(), path));
    break;
  }
  if (!result) {
    if (const char* text = builtin_config(path)) {
      result = std::make_shared<LoadedConfig>(read_config(text, "(built in) " + path, path));
    }
  }
  cache_[path] = result;
  return result;
}

std::vector<std::string> Repository::options(const std::string& group) const {
  std::vector<std::string> names = builtin_options(group);
  for (const auto& folder : folders_) {
    const fs::path base = inside(folder, group);
    if (!fs::is_directory(base)) continue;
    for (const auto& entry : fs::directory_iterator(base)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_regular_file() && name.ends_with(".yaml")) names.push_back(name.substr(0, name.size() - 5));
    }
  }
  return sorted_unique(std::move(names));
}

std::vector<std::string> Repository::subgroups(const std::string& group) const {
  std::vector<std::string> names = builtin_subgroups(group);
  for (const auto& folder : folders_) {
    const fs::path base = inside(folder, group);
    if (!fs::is_directory(base)) continue;
    for (const auto& entry : fs::directory_iterator(base)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory() && name != "__pycache__") names.push_back(name);
    }
  }
  return sorted_unique(std::move(names));
}

std::string Repository::describe() const {
  std::string out = "\tprovider=hydra, path=(built in)";
  for (std::size_t i = 0; i < folders_.size(); ++i) {
    out += std::string("\n\tprovider=") + (i == 0 ? "main" : "command-line") + ", path=file://" + folders_[i];
  }
  return out;
}

}  // namespace scalselect::config
