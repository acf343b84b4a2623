// The configurations that a command line of `run` means.
#pragma once

#include <vector>

#include "experiments/app/commands.h"
#include "experiments/pipeline/run_config.h"

namespace scalselect::app {

struct SweepConfigs {
  config::ComposedConfig first;  ///< of the first run
  std::vector<pipeline::RunConfig> configs;
};

/// One run, or with -m or hydra.mode=MULTIRUN all of a sweep, each named in the log as soon as it is composed. Throws
/// UserError(kUsage) for a sweep without runs.
SweepConfigs compose_sweep(const Flags& flags, config::ComposeRequest request);

}  // namespace scalselect::app
