// The search path: folders of YAML files, what the program registers itself, and Hydra's own groups, which every
// configuration starts from.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "experiments/config/default_element.h"
#include "experiments/config/value.h"

namespace scalselect::config {

struct LoadedConfig {
  Value content;  ///< without the defaults list
  std::vector<DefaultElement> defaults;
  std::optional<std::string> package_header;
  std::string file;
};

/// Configs that need no file, as Hydra's structured configs: path ("method/k_center") -> YAML text. A file of the same
/// path is merged over its node.
using ConfigNodes = std::map<std::string, std::string>;

/// Files that were parsed, by path; composing many jobs of one sweep reads each once.
using ParsedFiles = std::map<std::string, std::shared_ptr<const LoadedConfig>>;

class Repository {
 public:
  /// `nodes` (may be null) must outlive the repository. Throws UserError if one of the folders does not exist.
  explicit Repository(std::vector<std::string> folders, const ConfigNodes* nodes = nullptr,
                      std::shared_ptr<ParsedFiles> parsed = nullptr);

  /// Adds a folder after the present ones (`hydra.searchpath`). One that does not exist has nothing to add.
  void append(const std::string& folder);

  bool group_exists(const std::string& path) const;
  /// Whether the group has that very option, in a node or a file.
  bool option_exists(const std::string& group, const std::string& option) const;
  /// Null if there is no such file. Parsed once. Throws UserError naming the file.
  std::shared_ptr<const LoadedConfig> load(const std::string& path);
  std::vector<std::string> options(const std::string& group) const;    ///< nodes and files without .yaml, sorted
  std::vector<std::string> subgroups(const std::string& group) const;  ///< folders, sorted
  /// Options of the group and of the groups below it: "mini/demo".
  std::vector<std::string> options_below(const std::string& group) const;
  /// One line per provider: "\tprovider=main, path=file:///x".
  std::string describe() const;

 private:
  std::shared_ptr<const LoadedConfig> load_node(const std::string& path);
  std::shared_ptr<const LoadedConfig> load_file(const std::string& path);

  /// What a group holds.
  struct Listing {
    std::set<std::string> options, subgroups;
  };
  Listing list(const std::string& group) const;

  std::vector<std::string> folders_;
  std::vector<const ConfigNodes*> nodes_;
  std::shared_ptr<ParsedFiles> parsed_;
  ParsedFiles cache_;
};

/// Hydra's own file, "hydra/config".
const ConfigNodes& hydra_nodes();

}  // namespace scalselect::config
