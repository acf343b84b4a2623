// Another program, started without a shell: its arguments are words, never a command line to be parsed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace scalselect {

struct ProgramOutput {
  int status = 0;  ///< exit code; 128 + N if signal N ended it; -1 if it could not be started
  std::string out, err;
};

/// Runs `words[0]` (looked up in PATH) with the other words as its arguments, in `folder` (empty: the current one) and
/// with an empty standard input, and returns when it has ended. A program that does not exist gives status -1 and the
/// system's reason in `err`.
ProgramOutput run_program(const std::vector<std::string>& words, const std::filesystem::path& folder = {});

}  // namespace scalselect
