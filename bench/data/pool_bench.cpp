// Opening a pool and walking over it, against the number of rows: rows per second, and the peak of resident memory
// above what the program had before (`peak_MiB`), which must not follow the rows. bench_data --benchmark_filter=Pool
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "core/rng.h"
#include "data/byte_stream.h"
#include "data/pool.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;

/// A field of /proc/self/status in MiB.
double memory(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == field && status >> kib) return kib / 1024;
  }
  return 0;
}

/// JSON lines of LLaVA rows, one to six exchanges each; written once a program.
const fs::path& pool_of(std::int64_t rows, Compression compression) {
  static std::map<std::pair<std::int64_t, Compression>, fs::path> files;
  auto& file = files[{rows, compression}];
  if (!file.empty()) return file;
  file = fs::temp_directory_path() / fmt::format("scalselect-bench-{}-{}.jsonl", rows, static_cast<int>(compression));
  CompressedWriter out(file, compression);
  Rng rng(1, "bench/pool");
  for (std::int64_t row = 0; row < rows; ++row) {
    std::string turns;
    for (std::uint64_t turn = 0; turn <= rng.below(6); ++turn) {
      const std::string question(20 + rng.below(80), 'q'), answer(10 + rng.below(400), 'a');
      turns += fmt::format(R"({}{{"from": "human", "value": "{}"}}, {{"from": "gpt", "value": "{}"}})",
                           turn == 0 ? "" : ", ", question, answer);
    }
    out.write(
        fmt::format("{{\"id\": \"{:09}\", \"image\": \"{}.png\", \"conversations\": [{}]}}\n", row, row % 500, turns));
  }
  out.commit();
  return file;
}

template <class Body>
void measure(benchmark::State& state, const Body& body) {
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const double before = memory("VmRSS:");
  for (auto _ : state) body();
  state.counters["peak_MiB"] = memory("VmHWM:") - before;
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void PoolOpen(benchmark::State& state, Compression compression) {
  const auto& file = pool_of(state.range(0), compression);
  measure(state, [&] { benchmark::DoNotOptimize(Pool(file).size()); });
}

void PoolWalk(benchmark::State& state, Compression compression) {
  const Pool pool(pool_of(state.range(0), compression));
  measure(state, [&] {
    std::size_t characters = 0;
    pool.for_each([&](const Sample& sample) {
      for (const auto& turn : sample.turns) characters += turn.text.size();
    });
    benchmark::DoNotOptimize(characters);
  });
}

BENCHMARK_CAPTURE(PoolOpen, plain, Compression::kNone)
    ->RangeMultiplier(10)
    ->Range(10'000, 1'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(PoolWalk, plain, Compression::kNone)
    ->RangeMultiplier(10)
    ->Range(10'000, 1'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(PoolWalk, gzip, Compression::kGzip)
    ->RangeMultiplier(10)
    ->Range(10'000, 100'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(PoolWalk, zstd, Compression::kZstd)
    ->RangeMultiplier(10)
    ->Range(10'000, 1'000'000)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace scalselect
