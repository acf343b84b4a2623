// Where the runs of a report come from, as the store keeps it: commands, versions, machines, settings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/report/collect.h"
#include "experiments/report/grid.h"

namespace scalselect::report {

/// "2026-11-29 06:31:04", UTC.
std::string utc_text(std::int64_t ms);

/// The commands that made the runs, in order of first appearance, ready for a shell.
std::vector<std::string> commands_of(const Collection& collection);

/// What the numbers of a run depend on besides its inputs: processor, threads, device, libraries of linear algebra.
/// Different ones in order of first appearance.
std::vector<std::string> machines_of(const Collection& collection);

/// "A" for a run on the first of machines_of, "B" for the second, ...
std::string machine_letter(const Collection& collection, const ReportRun& run);

Grid machines_grid(const Collection& collection);
/// One row per run: id, label, seed, when, version and commit, machine, what was set on the command line.
Grid runs_grid(const Collection& collection);

}  // namespace scalselect::report
