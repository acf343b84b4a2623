// Benchmarks by kind.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::eval {

/// Throws UserError(kUsage) if the kind is unknown (with the nearest names) or the options do not fit it.
std::unique_ptr<Benchmark> make_benchmark(const BenchmarkOptions& options);

/// The matchers that a benchmark knows, by their names in BenchmarkOptions, whichever it has now; "default" is not
/// among them. Throws as make_benchmark.
std::vector<std::string> matchers_of(BenchmarkOptions options);

/// The matchers that a kind knows, by their names in BenchmarkOptions; "default" is not among them. Throws as
/// make_benchmark if the kind is unknown.
std::vector<std::string> matchers_of(const std::string& kind);

/// Kinds in the order of the registry.
std::vector<std::string> benchmark_kinds();

}  // namespace scalselect::eval
