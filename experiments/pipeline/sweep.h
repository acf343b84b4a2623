// Runs a set of configurations with as little work as they allow: one pass for all features, one training for equal
// selections, children side by side for trainings and answers, everything through the artifact cache and the store.
#pragma once

#include <string>
#include <vector>

#include "experiments/pipeline/run_config.h"

namespace scalselect::pipeline {

struct SweepSummary {
  std::size_t runs = 0, failed = 0;
  std::size_t incomplete = 0;  ///< scored without questions that could not be asked
  int extractions = 0;         ///< passes of a model over a pool that were not answered by the cache
  int selections = 0, trainings = 0, evaluations = 0;  ///< computed, not cached
};

/// Runs everything; a run that fails is recorded with its reason and does not stop the others. All configurations must
/// share cache, store, report and name (they come from one sweep). `command_line` is kept with every run.
SweepSummary run_sweep(const std::vector<RunConfig>& configs, const std::vector<std::string>& command_line);

/// "scalselect budget=0.16 seed=1": what distinguishes the runs of a sweep.
std::string run_label(const RunConfig& config);

}  // namespace scalselect::pipeline
