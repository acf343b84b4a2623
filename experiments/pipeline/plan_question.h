// Whether the planned runs can answer their question, from pilot runs or by a model.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "experiments/pipeline/run_config.h"
#include "experiments/plan/plan.h"

namespace scalselect::pipeline {

struct PlannedBenchmark {
  eval::BenchmarkOptions options;
  std::int64_t questions = 0;  ///< that the model answers
  std::int64_t units = 0;      ///< groups (MMBench's rotations, MME's pairs are one)
  std::string unusable;        ///< eval::sentence_on those that cannot be asked; empty: none
  bool read = false;
};

/// plan::question_lines. The noise is that of the pilot (options.pilot, else the experiment itself) if the store has
/// finished runs of it on the full pool, of random and with at least one seed; else modelled for the columns of
/// `benchmarks`. Empty if neither is possible. Throws UserError(kUsage) for options.pilot that the store lacks.
std::vector<std::string> plan_question(const std::vector<RunConfig>& configs, const plan::PlanOptions& options,
                                       const std::map<std::string, double>& published,
                                       const std::vector<PlannedBenchmark>& benchmarks);

}  // namespace scalselect::pipeline
