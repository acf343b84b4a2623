// The table of an evaluation: one line for each column of each benchmark.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "eval/bootstrap.h"
#include "experiments/report/grid.h"
#include "experiments/runs/evaluation.h"

namespace scalselect::app {

/// Value, interval of the sampling of questions, chance level, share of unreadable answers, questions answered of all;
/// in the notes what was read how. `limit`: of new tokens.
report::Grid eval_grid(std::span<const pipeline::ScoredAnswers> scored, const eval::BootstrapOptions& bootstrap,
                       int limit);

/// Every metric, those of the table with "low" and "high": {"complete", "benchmarks": [{"name", "display", "matcher",
/// "style", "questions", "unusable", "unreadable", "metrics": [{"name", "display", "value", …}]}]}.
nlohmann::ordered_json eval_json(std::span<const pipeline::ScoredAnswers> scored,
                                 const eval::BootstrapOptions& bootstrap);

/// False if questions could not be asked.
bool is_complete(std::span<const pipeline::ScoredAnswers> scored);

}  // namespace scalselect::app
