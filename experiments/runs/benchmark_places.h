// Where the benchmarks of a configuration lie.
#pragma once

#include <filesystem>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::pipeline {

/// `benchmarks` with absolute paths below `root`, and with the names and displays that they go by. A path may give
/// several places, separated by '|', of which the first that exists is taken: users keep the same benchmark in the
/// layout of one harness or another. A relative `images` is looked for below `root`, too. Throws UserError(kInput) that
/// names every benchmark that is missing with where it was looked for, and UserError(kUsage) for two of one name.
std::vector<eval::BenchmarkOptions> place_benchmarks(std::vector<eval::BenchmarkOptions> benchmarks,
                                                     const std::filesystem::path& root);

}  // namespace scalselect::pipeline
