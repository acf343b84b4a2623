// The commands of `scalselect`. Each takes the words behind its name and returns the exit code.
#pragma once

#include <string>
#include <vector>

#include "experiments/config/compose.h"

namespace scalselect::app {

using Words = std::vector<std::string>;

/// What stands on the command line besides overrides.
struct Flags {
  bool multirun = false, help = false, resolve = false;
  std::string cfg, info, package;        ///< --cfg job, --info defaults, --package a.b
  std::string config_name, config_path;  ///< -cn, -cp
  std::vector<std::string> config_dirs;  ///< -cd, behind the project's own
  Words overrides;
};

/// Splits flags from overrides. Throws UserError(kUsage) for an unknown flag, with the nearest known one.
Flags parse_flags(const Words& words);

/// A request over the project's configuration folder (or -cp) with `config_name` as the primary file.
config::ComposeRequest request_for(const Flags& flags, const std::string& config_name);

/// Answers --help, --cfg and --info if one was asked for: the exit code, or -1 to go on.
int answer_questions(const Flags& flags, const config::ComposeRequest& request, const std::string& usage);

int run_pipeline(const Words& words);  ///< no command name: the pipeline, one run or a sweep
int run_extract(const Words& words);
int run_score(const Words& words);
int run_select(const Words& words);
int list_methods(const Words& words);  ///< all, `NAME`, or --markdown
int run_mini(const Words& words);      ///< world, pretrain, probes, sheet
int run_cache(const Words& words);     ///< ls, rm
int list_runs(const Words& words);
int show_run(const Words& words);
int compare_runs(const Words& words);
int write_report(const Words& words);
int run_worker(const Words& words);  ///< `_work ORDER.json`, started by the pipeline itself

}  // namespace scalselect::app
