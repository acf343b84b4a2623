// Samples per second of fine-tuning at the mini world's size, one thread (OMP_NUM_THREADS=1), random weights.
//   build/release/bench_trainer
#include <benchmark/benchmark.h>

#include "core/rng.h"
#include "trainer/train.h"

namespace scalselect::trainer {
namespace {

vlm::LlavaConfig mini_size() {
  vlm::LlavaConfig config;
  config.vision.hidden_size = 192, config.vision.intermediate_size = 576;
  config.vision.num_hidden_layers = 4, config.vision.num_attention_heads = 6;
  config.vision.image_size = 48, config.vision.patch_size = 8;
  config.text.vocab_size = 256, config.text.hidden_size = 192, config.text.intermediate_size = 512;
  config.text.num_hidden_layers = 4, config.text.num_attention_heads = config.text.num_key_value_heads = 6;
  config.text.head_dim = 32;
  config.image_token_id = 4;
  config.pad_token_id = 0;
  config.vision_feature_layers = {-1};
  return config;
}

/// 36 image tokens, then a geometric number of turns (mean 2.2, at most 10) of 7 to 21 tokens, answers of 2 to 4.
TrainingSet mini_like_set(int count, int images) {
  TrainingSet set;
  Rng rng(1, "bench/rows");
  for (int row = 0; row < count; ++row) {
    TrainingSample sample;
    sample.row = row;
    sample.images = {static_cast<std::int64_t>(rng.below(images))};
    sample.ids.assign(1, 1);
    sample.ids.insert(sample.ids.end(), 36, 4);
    sample.supervised.assign(37, 0);
    for (int turn = 0; turn == 0 || (turn < 10 && rng.chance(0.55)); ++turn) {
      for (auto n = rng.between(7, 21); n > 0; --n) sample.ids.push_back(rng.between(5, 255));
      sample.supervised.resize(sample.ids.size(), 0);
      for (auto n = rng.between(1, 3); n > 0; --n) sample.ids.push_back(rng.between(5, 255));
      sample.ids.push_back(2);
      sample.supervised.resize(sample.ids.size(), 1);
    }
    set.samples.push_back(sample);
  }
  set.images.resize(images);
  return set;
}

/// Argument: 0 = float32, 1 = bfloat16 products.
void training(benchmark::State& state) {
  torch::manual_seed(1);
  vlm::LlavaModel model(mini_size());
  vlm::randomise(model);
  const auto set = mini_like_set(640, 200);
  ImageFeatures features(torch::randn({200, 36, 192}));
  TrainOptions options;
  options.epochs = 1;
  options.dtype = state.range(0) == 0 ? ComputeType::kFloat32 : ComputeType::kBFloat16;
  double tokens = 0;
  for (auto _ : state) {
    const auto result = train(model, set, features, options, {{}, false});
    for (const auto& step : result.history) tokens += static_cast<double>(step.tokens);
  }
  state.SetItemsProcessed(state.iterations() * 640);
  state.counters["tokens/sample"] = tokens / static_cast<double>(state.iterations() * 640);
}
BENCHMARK(training)->Arg(0)->Arg(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace scalselect::trainer
