// Child processes of this program, one thread each, side by side: two single-threaded trainings of a small model do
// more than one with two threads, and a crash takes one job only.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scalselect::pipeline {

/// A job for `scalselect _work FILE`.
struct WorkerJob {
  std::string label;          ///< for messages: "scalselect budget=0.16 seed=1"
  nlohmann::json order;       ///< what the child reads
  std::filesystem::path log;  ///< the child's stderr
  double weight = 1;          ///< expected cost in any unit; heavier jobs start first
};

struct WorkerResult {
  bool ok = false;
  std::string error;      ///< the child's last message if it failed
  nlohmann::json answer;  ///< what the child reported as its result
};

/// How the children report: one JSON object a line on stdout, {"done": n, "total": m, "note": "..."} while they work
/// and
/// {"result": {...}} or {"error": "..."} at the end.
/// Runs all jobs, at most `parallel` at once, each with `threads` threads. Children die with this process. `finished`
/// is called in this thread as each job ends. Results are parallel to `jobs`.
std::vector<WorkerResult> run_workers(const std::vector<WorkerJob>& jobs, int parallel, int threads,
                                      const std::function<void(std::size_t, const WorkerResult&)>& finished);

}  // namespace scalselect::pipeline
