// Subspace scoring against N and d: time per call, and float64 operations per second counted as N d^2 (half of a full
// product, as the Gram matrix is symmetric). bench_selector --benchmark_filter=Score
#include <benchmark/benchmark.h>

#include <vector>

#include "core/rng.h"
#include "selector/attention_pooling.h"
#include "selector/subspace.h"

namespace scalselect {
namespace {

/// Rows with a decaying spectrum, as features have.
std::vector<float> decaying_rows(std::int64_t rows, std::int64_t cols) {
  Rng rng(1, "bench");
  std::vector<float> values(static_cast<std::size_t>(rows * cols));
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      values[static_cast<std::size_t>(i * cols + j)] =
          static_cast<float>((rng.uniform() - 0.5) / (1.0 + static_cast<double>(j)));
    }
  }
  return values;
}

void score(benchmark::State& state, const SubspaceOptions& options) {
  const std::int64_t rows = state.range(0), cols = state.range(1);
  const auto values = decaying_rows(rows, cols);
  const MemoryRows source(MatrixView{values.data(), rows, cols});
  for (auto _ : state) benchmark::DoNotOptimize(score_rows(source, options).scores.data());
  state.SetItemsProcessed(state.iterations() * rows);
  state.counters["flops"] =
      benchmark::Counter(static_cast<double>(rows * cols * cols), benchmark::Counter::kIsIterationInvariantRate);
}

void ScoreRows(benchmark::State& state) { score(state, {}); }
BENCHMARK(ScoreRows)->ArgsProduct({{2000, 8000, 32000}, {256, 1024}})->Unit(benchmark::kMillisecond);

/// All directions of an ill-conditioned spectrum: the correcting pass runs too.
void ScoreRowsRefined(benchmark::State& state) {
  SubspaceOptions options;
  options.energy = 1.0;
  score(state, options);
}
BENCHMARK(ScoreRowsRefined)->Args({8000, 256})->Args({8000, 1024})->Unit(benchmark::kMillisecond);

void PoolVisual(benchmark::State& state) {
  const std::int64_t tokens = state.range(0), width = state.range(1);
  const auto hidden = decaying_rows(tokens, width);
  const auto attention = std::vector<float>(hidden.begin(), hidden.begin() + tokens);
  std::vector<float> positive;
  for (const float value : attention) positive.push_back(value * value);
  const EarlyStates states{{hidden.data(), tokens, width}, positive};
  for (auto _ : state) benchmark::DoNotOptimize(pool_visual(states, {}).data());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(PoolVisual)->Args({576, 4096})->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace scalselect
