// The defaults tree and list of a primary config (hydra/_internal/defaults_list.py, hydra/core/default_element.py).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "experiments/config/override.h"
#include "experiments/config/repository.h"

namespace scalselect::config {

/// One line of the final defaults list.
struct DefaultsEntry {
  std::string config_path;  ///< "dataset/llava"
  std::string package;      ///< "dataset"; empty = root
  std::string parent;       ///< path of the including config; empty for the primary one
  bool is_self = false;
  bool primary = false;
};

struct DefaultsResult {
  std::vector<DefaultsEntry> entries;                        ///< in merge order, Hydra's own first
  std::string tree;                                          ///< one line per node, indented, as `--info` prints it
  std::vector<std::pair<std::string, std::string>> choices;  ///< every group's final option ("null" if none)
  std::vector<Override> config_overrides;                    ///< overrides that edit the composed config
};

/// Throws UserError with Hydra's text. `skip_missing` leaves `group: ???` out (the configuration of a sweep).
DefaultsResult make_defaults(Repository& repository, const std::string& config_name,
                             const std::vector<Override>& overrides, bool skip_missing);

}  // namespace scalselect::config
