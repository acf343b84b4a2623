// Answers to questions about a composed configuration: `--cfg` and `--info`.
#pragma once

#include <string>

#include "experiments/config/compose.h"

namespace scalselect::config {

/// `--cfg job|hydra|all`; `package` (may be empty) prints a subtree, in YAML headed `# @package …`. `format`: yaml, or
/// json, one line as Python writes it. Throws UserError if the package does not exist, or for another word.
std::string cfg_text(const ComposedConfig& config, const std::string& what, bool resolve, const std::string& package,
                     const std::string& format = "yaml");

/// `--info defaults`: a table. `--info defaults-tree`: an indented tree. Throws UserError for another word.
std::string info_text(const ComposedConfig& config, const std::string& what);

}  // namespace scalselect::config
