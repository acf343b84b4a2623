#include "experiments/runs/benchmark_places.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <string>

#include "core/error.h"
#include "eval/registry.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> alternatives(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('|', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// The place of a benchmark, or an empty path.
fs::path place_of(const std::vector<std::string>& places, const fs::path& root) {
  for (const auto& place : places) {
    if (const auto path = root / place; !place.empty() && fs::exists(path)) return fs::absolute(path);
  }
  return {};
}

}  // namespace

std::vector<eval::BenchmarkOptions> place_benchmarks(std::vector<eval::BenchmarkOptions> benchmarks,
                                                     const fs::path& root) {
  std::set<std::string> names;
  std::vector<std::string> missing;
  for (auto& benchmark : benchmarks) {
    benchmark = eval::make_benchmark(benchmark)->options();  // fills names and displays
    if (!names.insert(benchmark.name).second) {
      throw UserError(ErrorKind::kUsage, fmt::format("Two benchmarks are called '{}'.", benchmark.name),
                      "Give each a different name (eval.benchmarks).");
    }
    const auto places = alternatives(benchmark.path);
    if (const auto place = place_of(places, root); !place.empty()) benchmark.path = place.string();
    else missing.push_back(fmt::format("{} ({})", benchmark.name, fmt::join(places, " or ")));
    if (!benchmark.images.empty() && fs::is_directory(root / benchmark.images))
      benchmark.images = fs::absolute(root / benchmark.images).string();
  }
  if (!missing.empty()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("{} of {} benchmarks {} not in '{}': {}.", missing.size(), benchmarks.size(),
                                missing.size() == 1 ? "is" : "are", root.string(), fmt::join(missing, ", ")),
                    "The comments of conf/eval/*.yaml say where to get them; eval.root names the folder that holds "
                    "them.");
  }
  return benchmarks;
}

}  // namespace scalselect::pipeline
