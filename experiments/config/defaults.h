// The defaults tree and list of a primary config (hydra/_internal/defaults_list.py, hydra/core/default_element.py).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "experiments/config/compose.h"
#include "experiments/config/repository.h"

namespace scalselect::config {

struct DefaultsResult {
  std::vector<DefaultsEntry> entries;                        ///< in merge order, Hydra's own first
  DefaultsTree tree;                                         ///< rooted at "<root>"
  std::vector<std::pair<std::string, std::string>> choices;  ///< every group's final option ("null" if none)
  std::vector<Override> config_overrides;                    ///< overrides that edit the composed config
};

/// Throws UserError with Hydra's text. `skip_missing` leaves `group: ???` out (the configuration of a sweep).
DefaultsResult make_defaults(Repository& repository, const std::string& config_name,
                             const std::vector<Override>& overrides, bool skip_missing);

}  // namespace scalselect::config
