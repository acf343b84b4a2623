// A batch script for Slurm that runs a command as several processes, which share its work (docs/cluster.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/options.h"

namespace scalselect::launchers {

struct SlurmOptions {
  int processes = 1;
  bool array = false, submit = false;
  int cpus = 8, gpus = 0;
  std::optional<std::string> memory, time, partition, account, after, name, setup, sbatch;

  template <class Visitor>
  static void describe(Visitor& v, SlurmOptions& o) {
    v.field("processes", o.processes, "how many share the work", Range{1, 100000});
    v.field(
        "array", o.array,
        "a job array of that many tasks, each of which starts as soon as there is room; false: one job, all at once");
    v.field("cpus", o.cpus, "cores of each process", Range{1, 4096});
    v.field("gpus", o.gpus, "GPUs of each process", Range{0, 1});
    v.field("memory", o.memory, "of each core, as --mem-per-cpu takes it: 8G");
    v.field("time", o.time, "limit, as --time takes it: 24:00:00");
    v.field("partition", o.partition, "--partition");
    v.field("account", o.account, "--account");
    v.field("after", o.after, "begin when these jobs have ended, however: 1234 or 1234:1235");
    v.field("name", o.name, "of the job");
    v.field("setup", o.setup, "a line of shell that comes first: module load cuda");
    v.field("sbatch", o.sbatch, "further options of sbatch, blanks between them: --qos=long --exclude=node7");
    v.field("submit", o.submit, "hand the script to sbatch");
  }
};

/// The script. `program`: the path to start; `words`: its command; `folder`: where it runs, and where its
/// output goes. Throws UserError(kUsage) for values that would break the script (a line break, a quotation mark).
std::string slurm_script(const SlurmOptions& options, const std::string& program, const std::vector<std::string>& words,
                         const std::string& folder);

}  // namespace scalselect::launchers
