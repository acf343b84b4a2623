// Rates of the parts that a run waits for: tower, layer-1 extraction with and without cached images, generation.
//
//   SCALSELECT_BENCH_MODEL=DIR OMP_NUM_THREADS=1 build/release/bench_vlm
//
// DIR: an HF folder (default: data/mini/model below the working directory). Pictures are noise of 48 x 48 pixels,
// 2.4 samples per picture as in the mini pool.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/rng.h"
#include "data/image.h"
#include "vlm/checkpoint.h"
#include "vlm/probe.h"
#include "vlm/text_generator.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;
constexpr int kPictures = 100;
constexpr int kSamples = 240;

fs::path model_folder() {
  const char* folder = std::getenv("SCALSELECT_BENCH_MODEL");
  return folder == nullptr ? fs::path("data/mini/model") : fs::path(folder);
}

/// Pictures that live as long as the program.
const std::vector<std::string>& pictures() {
  static const auto paths = [] {
    const auto folder = fs::temp_directory_path() / ("scalselect_bench_" + std::to_string(::getpid()));
    fs::create_directories(folder);
    Rng rng(1, "bench/pictures");
    std::vector<std::string> out;
    for (int i = 0; i < kPictures; ++i) {
      Image image{48, 48, std::vector<std::uint8_t>(48 * 48 * 3)};
      for (auto& value : image.rgb) value = static_cast<std::uint8_t>(rng.below(256));
      out.push_back((folder / (std::to_string(i) + ".png")).string());
      write_png(out.back(), image);
    }
    return out;
  }();
  return paths;
}

std::vector<Sample> samples() {
  std::vector<Sample> out;
  for (int i = 0; i < kSamples; ++i) {
    Sample sample;
    sample.row = i;
    sample.images = {pictures()[static_cast<std::size_t>(i) * kPictures / kSamples]};
    for (int turn = 0; turn < 2; ++turn) {
      sample.turns.push_back({Role::kUser, "what color is the large circle ?"});
      sample.turns.push_back({Role::kAssistant, "red"});
    }
    out.push_back(std::move(sample));
  }
  return out;
}

SignalRequest early() {
  SignalRequest request;
  request.early = {EarlyStatesSpec{}};
  return request;
}

void BM_Tower(benchmark::State& state) {
  torch::NoGradGuard no_grad;
  auto model = load_llava(model_folder());
  const auto side = model->config().vision.image_size;
  const auto pixels = torch::randn({state.range(0), 3, side, side});
  for (auto _ : state) benchmark::DoNotOptimize(model->encode_images(pixels));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Tower)->Arg(1)->Arg(32)->UseRealTime()->Unit(benchmark::kMillisecond);

void extract(benchmark::State& state, const SignalRequest& request, bool warm, bool plain) {
  const auto batch = samples();
  ProbeOptions options;
  options.plain = plain;
  options.cache_mb = warm ? 256 : 0;
  const auto probe = open_probe(model_folder(), "float32", request, options);
  const auto sink = [](const SampleSignals& signals) { benchmark::DoNotOptimize(signals.early.data()); };
  if (warm) probe->observe(batch, request, sink);
  for (auto _ : state) probe->observe(batch, request, sink);
  state.SetItemsProcessed(state.iterations() * kSamples);
}

void BM_ExtractLayer1(benchmark::State& state) { extract(state, early(), false, false); }
void BM_ExtractLayer1CachedImages(benchmark::State& state) { extract(state, early(), true, false); }
void BM_ExtractPlain(benchmark::State& state) { extract(state, early(), false, true); }
void BM_AnswerLoss(benchmark::State& state) {
  SignalRequest request;
  request.answer_loss = true;
  extract(state, request, false, false);
}
BENCHMARK(BM_ExtractLayer1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ExtractLayer1CachedImages)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ExtractPlain)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_AnswerLoss)->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_Generate(benchmark::State& state) {
  const auto generator = open_generator(model_folder(), {}, "float32");
  std::vector<GenerationPrompt> prompts;
  for (int i = 0; i < kSamples; ++i)
    prompts.push_back({"what color is the large circle ?", {pictures()[i % kPictures]}});
  GenerationOptions options;
  options.max_new_tokens = 4;
  for (auto _ : state) benchmark::DoNotOptimize(generator->generate(prompts, options));
  state.SetItemsProcessed(state.iterations() * kSamples);
}
BENCHMARK(BM_Generate)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace scalselect::vlm
