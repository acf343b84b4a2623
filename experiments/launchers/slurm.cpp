#include "experiments/launchers/slurm.h"

#include <fmt/format.h>

#include "core/error.h"
#include "experiments/report/text.h"

namespace scalselect::launchers {
namespace {

class Script {
 public:
  void option(const std::string& name, const std::string& value) {
    refuse_beyond_a_line(name, value, "\r\n\"");
    const bool blank = value.find_first_of(" \t#") != std::string::npos;
    text_ += blank ? fmt::format("#SBATCH --{}=\"{}\"\n", name, value) : fmt::format("#SBATCH --{}={}\n", name, value);
  }
  void option(const std::string& name, const std::optional<std::string>& value) {
    if (value) option(name, *value);
  }
  /// As the user wrote it, with quotation marks.
  void further(const std::string& text) {
    refuse_beyond_a_line("sbatch", text, "\r\n");
    text_ += "#SBATCH " + text + "\n";
  }
  void line(const std::string& text) { text_ += text + "\n"; }
  std::string text() const { return text_; }

 private:
  static void refuse_beyond_a_line(const std::string& name, const std::string& value, const char* refused) {
    if (value.find_first_of(refused) != std::string::npos)
      throw UserError(ErrorKind::kUsage, fmt::format("{} has a line break or a quotation mark.", name),
                      "Leave it out.");
  }
  std::string text_ = "#!/bin/bash\n";
};

}  // namespace

std::string slurm_script(const SlurmOptions& options, const std::string& program, const std::vector<std::string>& words,
                         const std::string& folder) {
  Script script;
  script.option("job-name", options.name.value_or("scalselect"));
  script.option("chdir", folder);
  script.option("output", std::string(options.array ? "%x-%A-%a.log" : "%x-%j.log"));
  if (options.array) script.option("array", fmt::format("0-{}", options.processes - 1));
  script.option("ntasks", std::to_string(options.array ? 1 : options.processes));
  script.option("cpus-per-task", std::to_string(options.cpus));
  if (options.gpus > 0) script.option("gpus-per-task", std::to_string(options.gpus));
  script.option("mem-per-cpu", options.memory);
  script.option("time", options.time);
  script.option("partition", options.partition);
  script.option("account", options.account);
  if (options.after) script.option("dependency", "afterany:" + *options.after);
  script.option("signal", std::string(options.array ? "B:TERM@60" : "TERM@60"));
  if (options.sbatch) script.further(*options.sbatch);
  script.line("set -euo pipefail");
  if (options.setup) script.line(*options.setup);
  std::vector<std::string> command = {program};
  command.insert(command.end(), words.begin(), words.end());
  const auto text = report::shell_text(command);
  if (options.array) {
    script.line(fmt::format("export SCALSELECT_RANK=$SLURM_ARRAY_TASK_ID SCALSELECT_PROCESSES={}", options.processes));
    script.line("exec " + text);  // the signal before the limit reaches the program
  } else {
    // One that dies does not take the others with it: they take its work over.
    script.line(fmt::format("srun --kill-on-bad-exit=0 --cpus-per-task={} --label {}", options.cpus, text));
  }
  return script.text();
}

}  // namespace scalselect::launchers
