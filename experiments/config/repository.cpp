#include "experiments/config/repository.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "core/log.h"
#include "experiments/config/edit.h"
#include "experiments/config/python_text.h"
#include "experiments/config/refuse.h"
#include "experiments/config/text.h"

namespace scalselect::config {
namespace fs = std::filesystem;
namespace {

/// "x" and "x.yaml" both name the file x.yaml.
fs::path yaml_file(const std::string& folder, const std::string& path) {
  return fs::path(folder) / (path.ends_with(".yaml") ? path : path + ".yaml");
}

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
    if (parts.size() != 2) refuse(file + ": a header is a keyword and one value, not '" + line + "'");
    if (parts[0] == "@package") package = parts[1];
  }
  return package;
}

/// "group@pkg"; a rename ("@a:b") keeps its first half.
DefaultElement read_name(const std::string& text) {
  const auto at = text.find('@');
  if (at == std::string::npos) return DefaultElement::config(text);
  const std::string package = text.substr(at + 1);
  return DefaultElement::config(text.substr(0, at), package.substr(0, package.find(':')));
}

void read_keywords(DefaultElement& entry) {
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

DefaultElement read_group(const Value& item, const std::string& config) {
  const std::string where = "In " + config + ": ";
  if (item.size() > 1) refuse(where + "Too many keys in default item " + python_str(item));
  if (item.size() == 0) refuse(where + "Missing group name in " + python_str(item));
  const auto& [key, value] = item.entries()[0];
  if (!key.is_string()) refuse(where + "a group must be named by a string, not " + python_str(key));
  DefaultElement entry = read_name(key.as_string());
  entry.is_group = true;
  read_keywords(entry);
  if (entry.name.empty()) refuse(where + "Missing group name in " + python_str(item));
  if (value.is_string()) {
    entry.option = value.as_string();
  } else if (value.is_list()) {
    entry.options.emplace();
    for (const auto& option : value.items()) {
      if (!option.is_string()) refuse(where + "the options of a group must be strings, not " + python_str(value));
      entry.options->push_back(option.as_string());
    }
  } else if (!value.is_null()) {
    refuse(where + "the option of a group must be a string or a list of strings, not " + python_str(value));
  }
  return entry;
}

std::vector<DefaultElement> read_defaults(const Value& list, const std::string& config) {
  std::vector<DefaultElement> result;
  for (const auto& item : list.items()) {
    if (item.is_map()) {
      result.push_back(read_group(item, config));
    } else if (item.is_string()) {
      result.push_back(read_name(item.as_string()));
      if (result.back().is_self() && result.back().package) refuse("_self_@PACKAGE is not supported");
    } else {
      refuse("In " + config + ": an entry of a defaults list must be a string or a mapping, not " + python_str(item));
    }
  }
  return result;
}

LoadedConfig read_config(const std::string& text, const std::string& file, const std::string& path) {
  LoadedConfig loaded;
  loaded.package_header = read_header(text, file);
  loaded.content = parse_yaml(text, file);
  if (!loaded.content.is_map()) return loaded;
  if (const Value* defaults = loaded.content.find("defaults")) {
    if (!defaults->is_list()) {
      refuse("Invalid defaults list in '" + path + "', defaults must be a list (got " +
             (defaults->is_map() ? "mapping" : kind_name(defaults->kind())) + ")");
    }
    loaded.defaults = read_defaults(*defaults, path);
    loaded.content.erase("defaults");
  }
  return loaded;
}

}  // namespace

Repository::Repository(std::vector<std::string> folders, const ConfigNodes* nodes, std::shared_ptr<ParsedFiles> parsed)
    : folders_(std::move(folders)), nodes_{&hydra_nodes()}, parsed_(std::move(parsed)) {
  if (nodes) nodes_.push_back(nodes);
  if (!parsed_) parsed_ = std::make_shared<ParsedFiles>();
  for (const auto& folder : folders_) {
    if (fs::is_directory(folder)) continue;
    if (folder != folders_[0]) refuse("Additional config directory '" + folder + "' not found");
    refuse("Primary config directory not found.\nCheck that the config directory '" + folder + "' exists and readable");
  }
}

void Repository::append(const std::string& folder) {
  const bool is_url = folder.starts_with("file://");
  if (!is_url && folder.find("://") != std::string::npos) {
    refuse("hydra.searchpath: '" + folder + "' is not a folder.", "Give folders, as file:///DIR or DIR.");
  }
  const std::string path = is_url ? folder.substr(7) : folder;
  if (fs::is_directory(path)) folders_.push_back(path);
  else if (parsed_->emplace("no folder " + path, nullptr).second)
    log_warning("hydra.searchpath: there is no folder '{}'", path);
}

bool Repository::group_exists(const std::string& path) const {
  for (const auto& folder : folders_) {
    if (fs::is_directory(fs::path(folder) / path)) return true;
  }
  for (const auto* nodes : nodes_) {
    const auto after = nodes->lower_bound(path + "/");
    if (after != nodes->end() && after->first.starts_with(path + "/")) return true;
  }
  return false;
}

bool Repository::option_exists(const std::string& group, const std::string& option) const {
  const std::string path = group + "/" + option;
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto* nodes) { return nodes->contains(path); }) ||
         std::any_of(folders_.begin(), folders_.end(),
                     [&](const std::string& folder) { return fs::is_regular_file(yaml_file(folder, path)); });
}

std::shared_ptr<const LoadedConfig> Repository::load_node(const std::string& path) {
  for (const auto* nodes : nodes_) {
    const auto node = nodes->find(path);
    if (node == nodes->end()) continue;
    auto& kept = (*parsed_)["node " + path];
    if (!kept) kept = std::make_shared<LoadedConfig>(read_config(node->second, "(built in) " + path, path));
    return kept;
  }
  return nullptr;
}

std::shared_ptr<const LoadedConfig> Repository::load_file(const std::string& path) {
  for (const auto& folder : folders_) {
    const fs::path file = yaml_file(folder, path);
    if (!fs::is_regular_file(file)) continue;
    auto& kept = (*parsed_)[file.string()];
    if (!kept) {
      std::ifstream stream(file, std::ios::binary);
      if (!stream) refuse("The file '" + file.string() + "' cannot be read.", "Check its permissions.");
      const std::string text{std::istreambuf_iterator<char>(stream), {}};
      kept = std::make_shared<LoadedConfig>(read_config(text, file.string(), path));
    }
    return kept;
  }
  return nullptr;
}

std::shared_ptr<const LoadedConfig> Repository::load(const std::string& path) {
  const auto cached = cache_.find(path);
  if (cached != cache_.end()) return cached->second;
  auto file = load_file(path), node = load_node(path);
  if (file && node && file->content.is_map() && !hydra_nodes().contains(path)) {
    auto merged = std::make_shared<LoadedConfig>(*file);
    merged->content = node->content;
    merge_into(merged->content, file->content);
    file = std::move(merged);
  }
  return cache_[path] = file ? file : node;
}

Repository::Listing Repository::list(const std::string& group) const {
  Listing found;
  const std::string prefix = group.empty() ? "" : group + "/";
  for (const auto* nodes : nodes_) {
    for (const auto& [path, text] : *nodes) {
      if (!path.starts_with(prefix)) continue;
      const auto end = path.find('/', prefix.size());
      auto& names = end == std::string::npos ? found.options : found.subgroups;
      names.insert(path.substr(prefix.size(), end - prefix.size()));
    }
  }
  for (const auto& folder : folders_) {
    const fs::path base = fs::path(folder) / group;
    if (!fs::is_directory(base)) continue;
    for (const auto& entry : fs::directory_iterator(base)) {
      const fs::path name = entry.path().filename();
      if (entry.is_directory() && name != "__pycache__") found.subgroups.insert(name.string());
      if (entry.is_regular_file() && name.extension() == ".yaml") found.options.insert(name.stem().string());
    }
  }
  return found;
}

std::vector<std::string> Repository::options(const std::string& group) const {
  const auto found = list(group).options;
  return {found.begin(), found.end()};
}

std::vector<std::string> Repository::subgroups(const std::string& group) const {
  const auto found = list(group).subgroups;
  return {found.begin(), found.end()};
}

std::vector<std::string> Repository::options_below(const std::string& group) const {
  auto names = options(group);
  for (const auto& below : subgroups(group)) {
    for (const auto& option : options_below(group + "/" + below)) names.push_back(below + "/" + option);
  }
  return names;
}

std::string Repository::describe() const {
  std::string out = "\tprovider=hydra, path=(built in)";
  for (std::size_t i = 0; i < folders_.size(); ++i) {
    out += std::string("\n\tprovider=") + (i == 0 ? "main" : "command-line") + ", path=file://" + folders_[i];
  }
  return out;
}

}  // namespace scalselect::config
