// Speed of fine-tuning at the mini world's size and with prompts of LLaVA's length, one thread (OMP_NUM_THREADS=1),
// random weights.
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

/// LLaVA-1.5's prompts, a small decoder: 576 image tokens in five rows of six, 40 to 900 tokens of conversation.
TrainingSet llava_like_set(int count) {
  TrainingSet set;
  Rng rng(1, "bench/long rows");
  for (int row = 0; row < count; ++row) {
    TrainingSample sample;
    sample.row = row;
    sample.ids.assign(1, 1);
    if (row % 6 != 5) {
      sample.images = {0};
      sample.ids.insert(sample.ids.end(), 576, 4);
    }
    sample.supervised.assign(sample.ids.size(), 0);
    const auto turns = rng.between(1, 6);
    for (int turn = 0; turn < turns; ++turn) {
      for (auto n = rng.between(20, 60); n > 0; --n) sample.ids.push_back(rng.between(5, 255));
      sample.supervised.resize(sample.ids.size(), 0);
      for (auto n = rng.between(20, 90); n > 0; --n) sample.ids.push_back(rng.between(5, 255));
      sample.supervised.resize(sample.ids.size(), 1);
    }
    set.samples.push_back(sample);
  }
  set.images.resize(1);
  return set;
}

vlm::LlavaConfig small_llava() {
  auto config = mini_size();
  config.text.vocab_size = 32000, config.text.hidden_size = 512, config.text.intermediate_size = 1376;
  config.text.num_attention_heads = config.text.num_key_value_heads = 8;
  config.text.head_dim = 64;
  config.vision.image_size = 192;
  return config;
}

void measure(benchmark::State& state, const vlm::LlavaConfig& config, const TrainingSet& set, std::int64_t visual,
             TrainOptions options) {
  torch::manual_seed(1);
  vlm::LlavaModel model(config);
  vlm::randomise(model);
  ImageFeatures features(torch::randn({static_cast<std::int64_t>(set.images.size()), visual, 192}));
  options.epochs = 1;
  options.dtype = state.range(0) == 0 ? ComputeType::kFloat32 : ComputeType::kBFloat16;
  options.group_by_length = state.range(1) == 1;
  std::int64_t tokens = 0;
  for (auto _ : state) {
    const auto result = train(model, set, features, options, {{}, false});
    for (const auto& step : result.history) tokens += step.tokens;
  }
  const auto rows = static_cast<std::int64_t>(set.samples.size());
  state.SetItemsProcessed(state.iterations() * rows);
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
}

/// Arguments: 0 = float32, 1 = bfloat16 products; samples of similar length share a batch, or not.
void mini(benchmark::State& state) { measure(state, mini_size(), mini_like_set(640, 200), 36, {}); }
BENCHMARK(mini)->ArgsProduct({{0, 1}, {1, 0}})->Unit(benchmark::kSecond);

/// LoRA alone, as on large models.
void llava(benchmark::State& state) {
  TrainOptions options;
  options.batch_size = 6;
  options.train_embeddings = options.train_head = options.train_projector = false;
  measure(state, small_llava(), llava_like_set(24), 576, options);
}
BENCHMARK(llava)->ArgsProduct({{0, 1}, {1, 0}})->Unit(benchmark::kSecond);

}  // namespace
}  // namespace scalselect::trainer
