// Benchmarks by kind.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace scalselect::eval {

/// Throws UserError(kUsage) if the kind is unknown (with the nearest names) or the options do not fit it.
std::unique_ptr<Benchmark> make_benchmark(const BenchmarkOptions& options);

/// The matchers that a benchmark knows, by their names in BenchmarkOptions, whichever it has now; that for which
/// "default" stands is the first. Throws as make_benchmark.
std::vector<std::string> matchers_of(BenchmarkOptions options);

/// The same of a kind's usual options. Throws as make_benchmark if the kind is unknown.
std::vector<std::string> matchers_of(const std::string& kind);

/// Kinds in the order of the registry.
std::vector<std::string> benchmark_kinds();

}  // namespace scalselect::eval
