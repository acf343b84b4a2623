// The `hydra` node that every composition starts from: those of Hydra's own settings that mean something
// here, and `missing`, what to say of values that only the user has (require_complete).
#include "experiments/config/repository.h"

namespace scalselect::config {

const ConfigNodes& hydra_nodes() {
  static const ConfigNodes all = {{"hydra/config", R"(
mode: null
searchpath: []
run: {dir: 'outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}'}
sweep: {dir: 'multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}', subdir: '${hydra.job.num}'}
sweeper: {params: null}
missing: null
overrides: {hydra: [], task: []}
job:
  name: ???
  override_dirname: ???
  id: ???
  num: ???
  config_name: ???
  env_set: {}
  config: {override_dirname: {kv_sep: '=', item_sep: ',', exclude_keys: []}}
runtime: {cwd: '???', choices: {}}
)"}};
  return all;
}

}  // namespace scalselect::config
