// The plan of a set of runs: their files are opened, nothing is computed and nothing is written but what reading a
// benchmark unpacks into the cache.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/pipeline/run_config.h"
#include "experiments/plan/plan.h"

namespace scalselect::pipeline {

/// `published`: Rel. by method as somebody reports it for this experiment, for the question whether the runs could
/// tell; may be empty. What cannot be opened is a failed check, not an exception; a pool that is not there is planned
/// by options.rows, a benchmark by the questions that its known release has.
plan::Plan plan_runs(const std::vector<RunConfig>& configs, const plan::PlanOptions& options,
                     const std::map<std::string, double>& published);

/// Sizes of the model in `folder`, from its config.json alone. Throws UserError(kInput) as vlm::read_model_config.
plan::ModelShape shape_of_model(const std::filesystem::path& folder);

}  // namespace scalselect::pipeline
