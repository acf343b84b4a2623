#include "experiments/pipeline/evaluate.h"

#include <algorithm>

#include "core/device.h"
#include "core/files.h"
#include "eval/predictions.h"
#include "eval/registry.h"
#include "experiments/runs/evaluation.h"
#include "experiments/runs/keys.h"
#include "experiments/runs/warnings.h"
#include "vlm/text_generator.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

constexpr int kPredictionsVersion = 3;  ///< since 3 rows attend to what they share where it lies

void write_unusable(const std::vector<eval::Unusable>& unusable, const fs::path& file) {
  if (unusable.empty()) fs::remove(file);
  else write_file_atomically(file, unusable_lines(unusable));
}

}  // namespace

nlohmann::json facts_of_making() { return {{"device", compute_device().text()}}; }

TextGenerator& LazyGenerator::get() {
  if (!generator_) {
    generator_ = vlm::open_generator(model_, adapter_, options_.dtype, pixels_of(options_), /*lone_prompt=*/false,
                                     options_.chat_template);
  }
  return *generator_;
}

int answer_limit(const eval::BenchmarkOptions& benchmark, const EvalOptions& eval) {
  return benchmark.max_new_tokens.value_or(eval.max_new_tokens);
}

StageKey predictions_key(const eval::BenchmarkOptions& benchmark, const EvalOptions& eval, nlohmann::json inputs,
                         nlohmann::json params) {
  params["benchmark"] = answering_identity(dump_options(benchmark));
  params["max_new_tokens"] = answer_limit(benchmark, eval);
  return {"predictions", kPredictionsVersion, std::move(inputs), std::move(params)};
}

std::pair<fs::path, bool> ensure_predictions(const ArtifactCache& cache, const StageKey& key,
                                             const eval::BenchmarkOptions& benchmark, const EvalOptions& eval,
                                             LazyGenerator& generator, Progress* progress) {
  return ensure_artifact(cache, key, [&](const fs::path& folder) {
    const auto asked = eval::make_benchmark(benchmark);
    // Answering takes far longer than decoding, and a picture that is damaged in its middle costs its questions only.
    const auto [questions, unusable, notes] =
        asked->load_usable((cache.root() / "images").string(), eval::PictureCheck::kDecode);
    write_unusable(unusable, folder / kUnusableFile);
    eval::EvaluateOptions options;
    options.generation.max_new_tokens = answer_limit(benchmark, eval);
    options.generation.batch_size = eval.batch_size;
    eval::evaluate(*asked, questions, generator.get(), options, folder / "predictions.jsonl", progress);
    return facts_of_making();
  });
}

std::int64_t answered_before(const ArtifactCache& cache, const StageKey& key) {
  auto unfinished = cache.folder(key);
  unfinished += ".partial";
  const auto file = eval::partial_predictions(unfinished / "predictions.jsonl");
  if (!fs::exists(file)) return 0;
  const auto text = read_file(file, kDataBytes);
  return std::count(text.begin(), text.end(), '\n');
}

}  // namespace scalselect::pipeline
