#include "eval/registry.h"

#include <fmt/format.h>

#include <map>

#include "core/error.h"
#include "eval/vqa_rules.h"

namespace scalselect::eval {

// One line per benchmark: its kind, its usual name in tables, and whether it has official answer rules. Each is made
// by `make_KIND` in a file of benchmarks/.
#define SCALSELECT_BENCHMARKS(BENCHMARK) \
  BENCHMARK(mmbench, "MMBench", false)   \
  BENCHMARK(pope, "POPE", true)          \
  BENCHMARK(mme, "MME", true)            \
  BENCHMARK(ai2d, "AI2D", false)         \
  BENCHMARK(scienceqa, "SQA-IMG", true)  \
  BENCHMARK(ocrbench, "OCRBench", true)  \
  BENCHMARK(textvqa, "TextVQA", true)    \
  BENCHMARK(gqa, "GQA", true)            \
  BENCHMARK(vqav2, "VQAv2", true)        \
  BENCHMARK(vizwiz, "VizWiz", true)      \
  BENCHMARK(chartqa, "ChartQA", false)   \
  BENCHMARK(docvqa, "DocVQA", false)     \
  BENCHMARK(seed, "SEED-IMG", true)      \
  BENCHMARK(llava_w, "LLaVA-W", false)   \
  BENCHMARK(custom, "Custom", true)

#define SCALSELECT_DECLARE(kind, display, official) \
  std::unique_ptr<Benchmark> make_##kind(const BenchmarkOptions& options);
SCALSELECT_BENCHMARKS(SCALSELECT_DECLARE)

namespace {

struct Entry {
  const char* kind;
  const char* display;
  bool official_rules;
  std::unique_ptr<Benchmark> (*make)(const BenchmarkOptions&);
};

#define SCALSELECT_LIST(kind, display, official) {#kind, display, official, make_##kind},
const std::vector<Entry> kBenchmarks = {SCALSELECT_BENCHMARKS(SCALSELECT_LIST)};

std::string kinds_text() {
  std::string text;
  for (const auto& kind : benchmark_kinds()) text += (text.empty() ? "" : ", ") + kind;
  return text;
}

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
      fmt::format("Set `kind` to one of {}.", kinds_text()));
}

std::vector<std::string> matchers_of(const std::string& kind) {
  if (kind == "llava_w") return {};  // answers only
  static const std::map<std::string, OpenAnswerKind> kOpen = {
      {"textvqa", OpenAnswerKind::kTextVqa}, {"vizwiz", OpenAnswerKind::kTextVqa},  {"vqav2", OpenAnswerKind::kVqa},
      {"gqa", OpenAnswerKind::kExact},       {"chartqa", OpenAnswerKind::kRelaxed}, {"docvqa", OpenAnswerKind::kAnls}};
  if (const auto open = kOpen.find(kind); open != kOpen.end()) return matchers_of(open->second);
  std::vector<std::string> names = {"vk-2024", "vk-2025", "vk-2026", "strict"};
  for (const auto& entry : kBenchmarks) {
    if (kind == entry.kind && entry.official_rules) names.emplace_back("official");
    if (kind == entry.kind && kind == "seed") names.emplace_back("lmms-eval");
  }
  return names;
}

std::vector<std::string> benchmark_kinds() {
  std::vector<std::string> kinds;
  for (const auto& entry : kBenchmarks) kinds.emplace_back(entry.kind);
  return kinds;
}

}  // namespace scalselect::eval
