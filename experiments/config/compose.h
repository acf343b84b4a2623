// Composition of a configuration from a folder of YAML groups, a primary file and command-line overrides, as
// hydra-core 1.3.2 does it (defaults lists, packages, override grammar, closed result).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/options.h"
#include "experiments/config/defaults.h"
#include "experiments/config/repository.h"
#include "experiments/config/resolve.h"

namespace scalselect::config {

struct ComposeRequest {
  std::vector<std::string> config_dirs;  ///< first wins; the first one is "the" config folder
  std::string config_name;               ///< primary file without .yaml
  std::vector<std::string> overrides;    ///< command-line words
  bool multirun = false;                 ///< leave sweeps and `group: ???` alone (the sweep's own configuration)
  /// Place in the sweep, for hydra.job.num and hydra.job.id; none: they stay ???.
  std::optional<std::int64_t> job_num = std::nullopt;
  const ConfigNodes* nodes = nullptr;  ///< configs without a file; must outlive the request
  /// Copies of a request share the files read.
  std::shared_ptr<ParsedFiles> parsed = std::make_shared<ParsedFiles>();
};

struct ComposedConfig {
  Value config;  ///< the job's configuration, not resolved, without `hydra`
  Value hydra;   ///< the `hydra` node (run and sweep directories, choices…)
  std::vector<std::pair<std::string, std::string>> choices;  ///< group (or group@package) -> option, in defaults order
  std::vector<std::string> task_overrides;                   ///< the words that do not address `hydra`
  std::vector<DefaultsEntry> defaults;
  std::string defaults_tree;  ///< as `--info defaults-tree` prints it
  ResolveContext context;

  /// With interpolations resolved, for `bind_options`. Throws UserError.
  nlohmann::json json() const;
  /// The same for records: what comes from the environment (`${oc.env:TOKEN}`) stays unresolved.
  nlohmann::json json_without_environment() const;
  /// Says where a dotted key was last set, for `bind_options`.
  KeyOrigin origin() const;
};

/// Throws UserError(kUsage) with Hydra's text for every refusal.
ComposedConfig compose(const ComposeRequest& request);

/// Throws UserError(kUsage) that lists every key that is still `???` ("Missing mandatory value(s): a.b, c"), and says
/// of each where it comes from if the configuration does: hydra.missing is a mapping from keys to such texts.
void require_complete(const ComposedConfig& config);

/// The jobs of `-m`: each is a list of words for `compose`. Sweeps in `hydra.sweeper.params` of the composed config
/// come first, the command line wins per key. A request without sweeps is one job. Job i is composed with job_num = i.
/// `GROUP=all` (not Hydra's) stands for what the experiment sweeps over in that group, or else for every option of it.
std::vector<std::vector<std::string>> multirun_jobs(const ComposeRequest& request);

/// Options and sub-groups of a group over everything that `request` searches, sorted, a name that is both twice; with
/// `below` the options of the sub-groups ("mini/demo") in place of these.
std::vector<std::string> group_options(const ComposeRequest& request, const std::string& group, bool below = false);

}  // namespace scalselect::config
