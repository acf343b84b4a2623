// What a report is made of: the finished runs of one experiment with their answers scored and their selections read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/store.h"
#include "data/pool.h"
#include "eval/benchmark.h"
#include "eval/bootstrap.h"
#include "eval/skills.h"
#include "selector/budget.h"

namespace scalselect::report {

/// One finished run.
struct ReportRun {
  RunRow row;
  std::string method, regime;  ///< "scalselect", "epochs"
  Budget budget;
  std::int64_t seed = 0;
  std::vector<eval::ScoredBenchmark> benchmarks;
  std::vector<eval::SkillScore> skills;
  std::vector<std::int64_t> rows;           ///< chosen, best first
  std::vector<double> scores;               ///< pool-sized; empty if the method has none
  nlohmann::ordered_json facts;             ///< of the selection: k, spectrum, ...
  std::map<std::string, double> selection;  ///< metrics below select/: cpu_s, added_bytes, forward_passes, ...
  std::int64_t steps = 0;                   ///< optimiser steps
  std::vector<double> losses;               ///< of the training, one a step

  bool is_full() const { return method == "full"; }
  /// "scalselect 16 %": runs that differ in their seed only share it.
  std::string label() const;
  double share() const;  ///< chosen part of the pool, 0..1
  std::int64_t pool_size = 0;
};

struct Collection {
  std::string experiment;
  std::vector<ReportRun> runs;  ///< full first, then by method in order of first appearance, budget, seed
  std::shared_ptr<const Pool> pool;
  std::vector<std::string> regimes;  ///< in order of first appearance
  std::vector<std::string> failed;   ///< "label: reason" of runs that did not finish
};

/// Reads the store's runs of `experiment`. Throws UserError if there is no finished run with answers, or if an artifact
/// that a run names is gone.
Collection collect(const Store& store, const std::string& experiment);

/// The runs of one regime as the bootstrap wants them.
std::vector<eval::MethodRun> method_runs(const Collection& collection, const std::string& regime);

}  // namespace scalselect::report
