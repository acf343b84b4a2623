// The loss behind the head: time and peak memory of all logits at once and of some rows at a time, forward and
// backward, one thread (OMP_NUM_THREADS=1). Peaks are of the process so far: give one case in --benchmark_filter.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include "trainer/bfloat16.h"
#include "trainer/cross_entropy.h"

namespace scalselect::trainer {
namespace {

std::int64_t peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss >> 10;
}

/// Arguments: vocabulary, targets, width, whether the head is trained, bfloat16, rows at once (0: the plain functions
/// on all logits).
void head_loss(benchmark::State& state) {
  const auto vocabulary = state.range(0), count = state.range(1), width = state.range(2), rows = state.range(5);
  torch::manual_seed(1);
  auto states = torch::randn({count, width}).requires_grad_();
  auto weight = torch::randn({vocabulary, width}).mul_(0.05).requires_grad_(state.range(3) == 1);
  const auto targets = torch::randint(vocabulary, {count}, torch::kInt64);
  const auto before = peak_mib();
  for (auto _ : state) {
    torch::Tensor loss;
    {
      const BFloat16Products products(state.range(4) == 1, torch::kCPU);
      if (rows > 0) {
        loss = head_loss_sum(states, weight, targets, rows);
      } else {
        const auto logits = torch::linear(states, weight).to(torch::kFloat32);
        loss = torch::nll_loss(torch::log_softmax(logits, -1), targets, {}, at::Reduction::Sum, kNoTarget);
      }
    }
    (loss / static_cast<double>(count)).backward();
    states.mutable_grad().reset();
    weight.mutable_grad().reset();
  }
  state.counters["MiB more"] = static_cast<double>(peak_mib() - before);
}
BENCHMARK(head_loss)
    ->ArgNames({"vocabulary", "targets", "width", "trained", "bfloat16", "rows"})
    ->ArgsProduct({{256}, {160}, {192}, {1}, {0, 1}, {0, kLogitRows}})
    ->ArgsProduct({{32000, 151936}, {3200}, {256}, {0, 1}, {0, 1}, {0, 64, 128, 256, 512}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace scalselect::trainer
