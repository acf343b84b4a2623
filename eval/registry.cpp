#include "eval/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "eval/matchers.h"

namespace scalselect::eval {

// One line per benchmark: its kind and its usual name in tables. Each is made by `make_KIND` in a file of benchmarks/.
#define SCALSELECT_BENCHMARKS(BENCHMARK) \
  BENCHMARK(mmbench, "MMBench")          \
  BENCHMARK(pope, "POPE")                \
  BENCHMARK(mme, "MME")                  \
  BENCHMARK(ai2d, "AI2D")                \
  BENCHMARK(scienceqa, "SQA-IMG")        \
  BENCHMARK(scienceqa_full, "SQA")       \
  BENCHMARK(ocrbench, "OCRBench")        \
  BENCHMARK(textvqa, "TextVQA")          \
  BENCHMARK(gqa, "GQA")                  \
  BENCHMARK(vqav2, "VQAv2")              \
  BENCHMARK(vizwiz, "VizWiz")            \
  BENCHMARK(chartqa, "ChartQA")          \
  BENCHMARK(docvqa, "DocVQA")            \
  BENCHMARK(seed, "SEED-IMG")            \
  BENCHMARK(llava_w, "LLaVA-W")          \
  BENCHMARK(custom, "Custom")

#define SCALSELECT_DECLARE(kind, ...) std::unique_ptr<Benchmark> make_##kind(const BenchmarkOptions& options);
SCALSELECT_BENCHMARKS(SCALSELECT_DECLARE)

namespace {

struct Entry {
  const char* kind;
  const char* display;
  std::unique_ptr<Benchmark> (*make)(const BenchmarkOptions&);
};

#define SCALSELECT_LIST(kind, display, ...) {#kind, display, make_##kind},
const std::vector<Entry> kBenchmarks = {SCALSELECT_BENCHMARKS(SCALSELECT_LIST)};

std::vector<std::string> names_of(const std::vector<Matcher>& matchers) {
  std::vector<std::string> names;
  for (const Matcher matcher : matchers) names.emplace_back(matcher_name(matcher));
  return names;
}

std::string kinds_text() {
  std::string text;
  for (const auto& kind : benchmark_kinds()) text += (text.empty() ? "" : ", ") + kind;
  return text;
}

}  // namespace

std::unique_ptr<Benchmark> make_benchmark(const BenchmarkOptions& options) {
  for (const auto& entry : kBenchmarks) {
    if (options.kind != entry.kind) continue;
    BenchmarkOptions named = options;
    if (named.display.empty()) named.display = entry.display;
    auto benchmark = entry.make(named);
    const auto known = benchmark->matchers();
    if (options.matcher != Matcher::kDefault && std::find(known.begin(), known.end(), options.matcher) == known.end()) {
      refuse_matcher(options.kind, options.matcher, known);
    }
    return benchmark;
  }
  throw UserError(
      ErrorKind::kUsage,
      fmt::format("there is no benchmark kind '{}'.{}", options.kind, did_you_mean(options.kind, benchmark_kinds())),
      fmt::format("Set `kind` to one of {}.", kinds_text()));
}

std::vector<std::string> matchers_of(BenchmarkOptions options) {
  options.matcher = Matcher::kDefault;
  return names_of(make_benchmark(options)->matchers());
}

std::vector<std::string> matchers_of(const std::string& kind) {
  BenchmarkOptions options;
  options.kind = kind;
  return matchers_of(options);
}

std::vector<std::string> benchmark_kinds() {
  std::vector<std::string> kinds;
  for (const auto& entry : kBenchmarks) kinds.emplace_back(entry.kind);
  return kinds;
}

}  // namespace scalselect::eval
