// Every method that needs vectors alone, against the number of rows: 500 chosen of N, d = 64, with the fitted order of
// growth. The largest pools take minutes; one method: --benchmark_filter='^herding/'. As a plot:
//   bench_baselines --benchmark_out=growth.csv --benchmark_out_format=csv && bench/log_log.sh growth.csv growth.svg
#include <benchmark/benchmark.h>

#include <numeric>
#include <vector>

#include "baselines/feature_file.h"
#include "baselines/registry.h"
#include "core/rng.h"
#include "selector/choose.h"

namespace scalselect {
namespace {

constexpr std::int64_t kCols = 64;
constexpr std::int64_t kBudget = 500;

/// Rows around 100 centres, as in real features: there are neighbours and clusters to be found.
std::vector<float> bundled_rows(std::int64_t rows) {
  Rng rng(1, "bench");
  std::vector<float> centers(100 * kCols), values(static_cast<std::size_t>(rows * kCols));
  for (float& value : centers) value = static_cast<float>(rng.normal());
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto center = static_cast<std::int64_t>(rng.below(100)) * kCols;
    for (std::int64_t j = 0; j < kCols; ++j)
      values[static_cast<std::size_t>(i * kCols + j)] =
          centers[static_cast<std::size_t>(center + j)] + static_cast<float>(rng.uniform() - 0.5);
  }
  return values;
}

void select_rows(benchmark::State& state, const MethodEntry& entry) {
  const auto values = bundled_rows(state.range(0));
  const auto method = entry.make(nlohmann::json::object(), "", {});
  MethodInput input;
  input.pool_size = state.range(0);
  input.candidates.resize(static_cast<std::size_t>(input.pool_size));
  std::iota(input.candidates.begin(), input.candidates.end(), 0);
  const MatrixView view{values.data(), input.pool_size, kCols};
  if (!method.needs.empty()) input.features = {{std::make_shared<MemoryRows>(view), input.candidates}};
  for (auto _ : state) benchmark::DoNotOptimize(choose(method, input, Count{kBudget}).rows.data());
  state.SetComplexityN(state.range(0));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

const bool registered = [] {
  for (const auto& entry : methods()) {
    if (!needs_vectors_only(entry.make(nlohmann::json::object(), "", {}))) continue;
    benchmark::RegisterBenchmark(entry.name.c_str(), select_rows, entry)
        ->Arg(1000)
        ->Arg(4000)
        ->Arg(16000)
        ->Arg(64000)
        ->Arg(200000)
        ->Complexity()
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
  return true;
}();

}  // namespace
}  // namespace scalselect
