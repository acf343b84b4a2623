// Texts about a composed configuration (`--cfg`, `--info`, `--help`) and the command `scalselect compose`.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "experiments/config/compose.h"

namespace scalselect::config {

/// `--cfg job|hydra|all`: YAML; `package` (may be empty) prints a subtree headed `# @package …`.
/// Throws UserError if the package does not exist.
std::string cfg_text(const ComposedConfig& config, const std::string& what, bool resolve, const std::string& package);

/// `--info defaults`: a table. `--info defaults-tree`: an indented tree.
std::string info_text(const ComposedConfig& config, const std::string& what);

/// Body of `--help`: configuration groups with their options, and the composed configuration.
std::string help_text(const ComposeRequest& request, const ComposedConfig& config);

/// `scalselect compose --config-dir DIR --config-name NAME [--resolve] [--format yaml|json] overrides…`, for any
/// folder. Further flags: -m (print each job), --cfg, --info, --package, --help. `args` has neither program nor command
/// name. Prints the composed configuration to `out`, errors to `err`; returns the exit code (0, or 2 for a refusal).
int run_compose_command(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);

}  // namespace scalselect::config
