// Where the trainings and evaluations of a sweep run: an interface that the sweep calls, one implementation per file.
//
// A launcher starts the worker command once per job, each with a file that holds the job's order, and reads what the
// workers report (protocol.h). To add one, write NAME.cpp, list it in registry.cpp, and add conf/launcher/NAME.yaml.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/options.h"

namespace scalselect::launchers {

struct Job {
  std::string label;          ///< for messages: "scalselect budget=0.16 seed=1"
  nlohmann::json order;       ///< what the worker reads
  std::filesystem::path log;  ///< takes the worker's stderr; the order is written next to it
  double weight = 1;          ///< expected cost in any unit; heavier jobs start first
};

struct JobResult {
  std::string error;                  ///< one sentence on why the job failed; empty: it did not
  nlohmann::json answer;              ///< the result that the worker reported
  std::vector<std::string> warnings;  ///< what the worker warned of, in order

  bool ok() const { return error.empty(); }
};

/// What all launchers need to know.
struct Workers {
  std::vector<std::string> command;  ///< program and arguments; the order's file comes last
  int parallel = 1;                  ///< workers side by side
  int threads = 1;                   ///< of each worker
};

class Launcher {
 public:
  using Finished = std::function<void(std::size_t job, const JobResult& result)>;
  virtual ~Launcher() = default;
  /// Runs all `jobs`. `finished` is called once per job in the calling thread, as the jobs end; a worker that cannot be
  /// started, dies or gives no result is a failed job, never an exception. Warnings are logged as they come. Workers
  /// end with this process.
  virtual void run(const std::vector<Job>& jobs, const Finished& finished) = 0;
};

/// The group `launcher` of a configuration.
struct LauncherOptions {
  std::string name = "local";

  template <class Visitor>
  static void describe(Visitor& v, LauncherOptions& o) {
    v.field("name", o.name, "where trainings run: local, worker processes on this machine");
  }
};

/// Throws UserError(kUsage) for a name that is not known, with the nearest ones.
std::unique_ptr<Launcher> make_launcher(const LauncherOptions& options, const Workers& workers);

/// Names in the order of the registry.
std::vector<std::string> launcher_names();

/// How a machine's threads are divided among `jobs` workers: `parallel` as asked for (0: one worker per thread, or one
/// in all on a GPU), never more than there are jobs.
Workers divide_machine(int threads, int parallel, bool gpu, std::size_t jobs);

}  // namespace scalselect::launchers
