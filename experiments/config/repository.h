// The search path: folders of YAML files, and Hydra's own groups that every configuration starts from.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/config/value.h"

namespace scalselect::config {

/// One entry of a defaults list as it is written.
struct RawDefault {
  bool is_group = false;
  std::string name;                                 ///< group (without keywords and package), or path of a config entry
  std::optional<std::string> package;               ///< text after '@'
  std::optional<std::vector<std::string>> options;  ///< group: [a, b]
  std::optional<std::string> option;                ///< group: a; neither this nor `options`: null
  bool optional = false, override = false;
};

struct LoadedConfig {
  Value content;  ///< without the defaults list
  std::vector<RawDefault> defaults;
  std::optional<std::string> package_header;
  std::string file;
};

class Repository {
 public:
  /// Throws UserError if the first folder does not exist.
  explicit Repository(std::vector<std::string> folders);

  /// Adds folders behind the present ones (`hydra.searchpath`).
  void append(const std::vector<std::string>& folders);

  bool group_exists(const std::string& path) const;
  bool config_exists(const std::string& path) const;
  /// Null if there is no such file. Parsed once. Throws UserError naming the file.
  std::shared_ptr<const LoadedConfig> load(const std::string& path);
  std::vector<std::string> options(const std::string& group) const;    ///< files, without .yaml, sorted
  std::vector<std::string> subgroups(const std::string& group) const;  ///< folders, sorted
  /// "\tprovider=main, path=file:///x" a line.
  std::string describe() const;
  const std::vector<std::string>& folders() const { return folders_; }

 private:
  std::vector<std::string> folders_;
  std::map<std::string, std::shared_ptr<const LoadedConfig>> cache_;
};

/// "x" and "x.yaml" both name the file x.yaml.
std::string with_extension(const std::string& path);

/// Text of one of Hydra's own files ("hydra/config", "hydra/output/default"…), null if there is none.
const char* builtin_config(const std::string& path);
/// Names in one of Hydra's own groups; empty for others.
std::vector<std::string> builtin_options(const std::string& group);
std::vector<std::string> builtin_subgroups(const std::string& group);

}  // namespace scalselect::config
