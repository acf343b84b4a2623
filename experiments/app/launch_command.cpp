#include "experiments/app/launch_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "core/process_group.h"
#include "core/subprocess.h"
#include "experiments/app/eval_command.h"
#include "experiments/app/plain_words.h"
#include "experiments/launchers/copies.h"
#include "experiments/launchers/slurm.h"

namespace scalselect::app {
namespace {
namespace fs = std::filesystem;

constexpr char kName[] = "launch";

/// Throws unless processes of the command share its work.
void check_command(const Words& words) {
  if (words.empty()) refuse_plain(kName, "No command follows '--'.");
  const auto& first = words.front();
  for (const char* question : {"--dry-run", "--help", "-h", "--cfg", "--info"}) {
    if (std::find(words.begin(), words.end(), question) != words.end())
      refuse_plain(kName, fmt::format("With {} nothing is run that could be shared.", question));
  }
  const auto verb = first == "eval" && words.size() > 1 && is_eval_verb(words[1]) ? words[1] : std::string();
  if (!verb.empty() && verb != "answer")
    refuse_plain(kName, fmt::format("Processes of `eval {}` do not share its work: each would do all of it.", verb));
  if (is_override_or_flag(first) || first == "run" || first == "extract" || first == "select" || first == "eval")
    return;
  const auto known = command_names();
  if (std::find(known.begin(), known.end(), first) == known.end())
    refuse_plain(kName, fmt::format("There is no command '{}'.{}", first, did_you_mean(first, known)));
  refuse_plain(kName, fmt::format("Processes of `{}` do not share its work: each would do all of it.", first));
}

/// This program's file, which another machine finds in the same place.
std::string own_program() {
  std::error_code none;
  auto path = fs::read_symlink("/proc/self/exe", none);
  if (path.filename() == "scalselect-model") path.replace_filename("scalselect");
  return none ? "scalselect" : path.string();
}

int by_slurm(const PlainWords& asked, const Words& command) {
  auto tree = values_of(asked, {"processes", "array", "cpus", "gpus", "submit"});
  for (const char* key : {"memory", "time", "partition", "account", "after", "name", "setup", "sbatch"}) {
    if (const auto text = asked.value(key); !text.empty()) tree[key] = text;
  }
  const auto options = bind_options<launchers::SlurmOptions>(tree);
  const fs::path out = asked.value("out", "scalselect.sbatch");
  write_file_atomically(out, launchers::slurm_script(options, own_program(), command, fs::current_path().string()));
  if (!options.submit) {
    fmt::print("{}: submit it with `sbatch {}`\n", out.string(), out.string());
    return 0;
  }
  const auto answer = run_program({"sbatch", "--parsable", fs::absolute(out).string()});
  if (answer.status != 0) {
    const auto reason = answer.err.substr(0, answer.err.find_last_not_of("\r\n") + 1);
    throw UserError(ErrorKind::kEnvironment, fmt::format("`sbatch {}` failed: {}", out.string(), reason),
                    "The script is written; mend it or submit it where sbatch is.");
  }
  fmt::print("job {}", answer.out);
  return 0;
}

}  // namespace

int run_launch(const Words& words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  if (dashes == words.end()) refuse_plain(kName, "The command to launch comes after '--'.");
  const auto asked = parse_plain(kName, {words.begin(), dashes}, 0);
  const Words command(dashes + 1, words.end());
  check_command(command);
  const auto by = asked.value("by", "local");
  if (by == "slurm") return by_slurm(asked, command);
  if (by != "local") refuse_plain(kName, fmt::format("by is local or slurm, not '{}'.", by));
  for (const auto& [key, value] : asked.values) {
    if (key != "by" && key != "processes") refuse_plain(kName, fmt::format("'{}' is for by=slurm.", key));
  }
  if (const auto group = process_group(); !group.source.empty()) {
    throw UserError(ErrorKind::kUsage, fmt::format("This process is one of several already, by {}.", group.source),
                    "Start the command itself, or unset the variable.");
  }
  const auto options = bind_options<launchers::SlurmOptions>(values_of(asked, {"processes"}));
  return launchers::run_copies(command, options.processes);
}

}  // namespace scalselect::app
