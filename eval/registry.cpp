#include "eval/registry.h"

#include <fmt/format.h>

#include "core/error.h"
#include "eval/benchmarks/factories.h"

namespace scalselect::eval {
namespace {

struct Entry {
  const char* kind;
  const char* display;
  bool official_rules;  ///< whether Matcher::kOfficial means something
  std::unique_ptr<Benchmark> (*make)(const BenchmarkOptions&);
};

const std::vector<Entry> kBenchmarks = {
    {"mmbench", "MMBench", false, make_mmbench},
    {"pope", "POPE", true, make_pope},
    {"mme", "MME", true, make_mme},
    {"ai2d", "AI2D", false, make_ai2d},
    {"scienceqa", "SQA-IMG", true, make_scienceqa},
    {"ocrbench", "OCRBench", true, make_ocrbench},
};

}  // namespace

std::unique_ptr<Benchmark> make_benchmark(const BenchmarkOptions& options) {
  for (const auto& entry : kBenchmarks) {
    if (options.kind != entry.kind) continue;
    if (options.matcher == Matcher::kOfficial && !entry.official_rules) {
      throw UserError(ErrorKind::kUsage, fmt::format("benchmark '{}' has no official answer rules", options.kind),
                      "Set `matcher` to vk-2024, vk-2025, vk-2026 or strict.");
    }
    BenchmarkOptions named = options;
    if (named.display.empty()) named.display = entry.display;
    return entry.make(named);
  }
  throw UserError(
      ErrorKind::kUsage,
      fmt::format("there is no benchmark kind '{}'.{}", options.kind, did_you_mean(options.kind, benchmark_kinds())),
      "Set `kind` to one of the benchmarks in eval/registry.cpp.");
}

std::vector<std::string> benchmark_kinds() {
  std::vector<std::string> kinds;
  for (const auto& entry : kBenchmarks) kinds.emplace_back(entry.kind);
  return kinds;
}

}  // namespace scalselect::eval
