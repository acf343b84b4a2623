// The same command as several processes on this machine, which share its work (docs/cluster.md).
#pragma once

#include <string>
#include <vector>

namespace scalselect::launchers {

/// Starts this program `processes` times with `words`, waits, and returns the exit code of process 0. Of the others
/// only errors are shown, each line with the number of its process; one that dies is told of. Ctrl-C, SIGTERM and
/// SIGHUP are passed on. When process 0 has ended, the others have a few seconds to. Throws UserError(kEnvironment) if
/// a process cannot be started.
int run_copies(const std::vector<std::string>& words, int processes);

}  // namespace scalselect::launchers
