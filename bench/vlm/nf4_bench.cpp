// A frozen linear layer of 7B's MLP (4096 -> 11008): in four bits beside bfloat16, forward and gradient of the input.
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "vlm/linear.h"

namespace scalselect::vlm {
namespace {

constexpr std::int64_t kIn = 4096, kOut = 11008;

torch::Tensor random_weight() {
  torch::manual_seed(1);
  return torch::randn({kOut, kIn}, torch::kFloat32) * 0.02;
}

/// Arguments: 0 = bfloat16, 1 = NF4; tokens.
void nf4_linear_layer(benchmark::State& state) {
  Linear layer(kIn, kOut, false);
  layer->weight.set_requires_grad(false);
  const auto weight = random_weight();
  if (state.range(0) == 1) layer->hold_in_nf4(quantise_nf4(weight));
  else layer->weight.set_data(weight.to(torch::kBFloat16));
  auto x = torch::randn({state.range(1), kIn}).to(torch::kBFloat16).requires_grad_();
  const auto g = torch::randn({state.range(1), kOut}).to(torch::kBFloat16);
  for (auto _ : state) {
    layer(x).backward(g);
    x.mutable_grad().reset();
  }
  state.counters["tokens/s"] =
      benchmark::Counter(static_cast<double>(state.range(1) * state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(nf4_linear_layer)->ArgsProduct({{0, 1}, {64, 650, 2600}})->UseRealTime()->Unit(benchmark::kMillisecond);

/// Argument: 0 = float32, 1 = bfloat16; items are weights.
void nf4_dequantise(benchmark::State& state) {
  const auto weight = quantise_nf4(random_weight());
  for (auto _ : state)
    benchmark::DoNotOptimize(dequantise(weight, state.range(0) == 0 ? torch::kFloat32 : torch::kBFloat16));
  state.SetItemsProcessed(state.iterations() * kIn * kOut);
}
BENCHMARK(nf4_dequantise)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

void nf4_quantise(benchmark::State& state) {
  const auto weight = random_weight();
  for (auto _ : state) benchmark::DoNotOptimize(quantise_nf4(weight).codes);
  state.SetItemsProcessed(state.iterations() * kIn * kOut);
}
BENCHMARK(nf4_quantise)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace scalselect::vlm
