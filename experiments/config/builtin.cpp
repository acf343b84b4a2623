// The `hydra` node that every composition starts from: the settings of Hydra's own groups that mean something here.
#include "experiments/config/repository.h"

namespace scalselect::config {
namespace {

constexpr const char* kConfig = R"(
defaults:
  - output: default
  - launcher: basic
  - sweeper: basic
  - help: default
  - hydra_help: default
  - hydra_logging: default
  - job_logging: default
  - callbacks: null
  - env: default
  - _self_
mode: null
searchpath: []
run: {dir: '???'}
sweep: {dir: '???', subdir: '???'}
hydra_logging: ???
job_logging: ???
sweeper: ???
launcher: ???
callbacks: {}
help: {app_name: '???', header: '???', footer: '???', template: '???'}
hydra_help: {hydra_help: '???', template: '???'}
output_subdir: .hydra
overrides: {hydra: [], task: []}
job:
  name: ???
  chdir: null
  override_dirname: ???
  id: ???
  num: ???
  config_name: ???
  env_set: {}
  env_copy: []
  config: {override_dirname: {kv_sep: '=', item_sep: ',', exclude_keys: []}}
runtime: {version: '???', version_base: '???', cwd: '???', config_sources: '???', output_dir: '???', choices: {}}
verbose: false
)";

constexpr const char* kOutput = R"(# @package hydra
run:
  dir: outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}
sweep:
  dir: multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}
  subdir: ${hydra.job.num}
)";

constexpr const char* kHelp = R"(
app_name: ${hydra.job.name}
header: ${hydra.help.app_name}
footer: ''
template: ''
)";

constexpr const char* kHydraHelp = R"(
hydra_help: ''
template: ''
)";

constexpr const char* kLogging = R"(
level: INFO
root: {level: INFO}
)";

constexpr const char* kQuiet = R"(
root: null
)";

}  // namespace

const ConfigNodes& hydra_nodes() {
  static const ConfigNodes all = {
      {"hydra/config", kConfig},
      {"hydra/output/default", kOutput},
      {"hydra/launcher/basic", "name: basic\n"},
      {"hydra/sweeper/basic", "max_batch_size: null\nparams: null\n"},
      {"hydra/help/default", kHelp},
      {"hydra/hydra_help/default", kHydraHelp},
      {"hydra/hydra_logging/default", kLogging},
      {"hydra/hydra_logging/disabled", kQuiet},
      {"hydra/hydra_logging/hydra_debug", kLogging},
      {"hydra/hydra_logging/none", kQuiet},
      {"hydra/job_logging/default", kLogging},
      {"hydra/job_logging/disabled", kQuiet},
      {"hydra/job_logging/none", kQuiet},
      {"hydra/job_logging/stdout", kLogging},
      {"hydra/env/default", "{}\n"},
  };
  return all;
}

}  // namespace scalselect::config
