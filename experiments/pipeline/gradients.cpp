#include "experiments/pipeline/gradients.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/files.h"
#include "core/log.h"
#include "core/rng.h"
#include "experiments/pipeline/environment.h"
#include "experiments/pipeline/train_job.h"
#include "experiments/runs/warnings.h"
#include "selector/choose.h"
#include "trainer/bfloat16.h"
#include "trainer/gradient_probe.h"
#include "trainer/train.h"
#include "vlm/open_model.h"
#include "vlm/safetensors.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

constexpr int kWarmUpVersion = 3;  ///< as kAdapterVersion

/// A random share of the usable rows, ascending.
std::vector<std::int64_t> warm_up_rows(const Pool& pool, const GradientOptions& options) {
  auto rows = rows_of_pool(pool).usable;
  Rng(static_cast<std::uint64_t>(options.seed), "pipeline/warm_up").shuffle(rows);
  const auto share = options.warm_up.share * static_cast<double>(rows.size());
  rows.resize(static_cast<std::size_t>(std::ceil(share)));
  std::sort(rows.begin(), rows.end());
  return rows;
}

trainer::TrainOptions recipe(const GradientOptions& options) {
  trainer::TrainOptions train;
  train.lora.r = options.rank;
  train.lora.alpha = options.alpha;
  const bool lora = options.weights == GradientWeights::kLora;
  train.lora.target_pattern = lora ? options.pattern : GradientOptions{}.pattern;
  train.train_projector = train.train_embeddings = train.train_head = options.warm_up.train_rest;
  train.learning_rate = options.warm_up.learning_rate;
  train.schedule = trainer::Schedule::kLinear;
  train.warmup_ratio = 0.03;
  train.batch_size = options.warm_up.batch_size;
  train.epochs = options.warm_up.epochs;
  train.seed = options.seed;
  return train;
}

fs::path epoch_folder(const fs::path& folder, std::int64_t epoch) { return folder / fmt::format("epoch-{}", epoch); }

void save_epoch(const fs::path& folder, const vlm::Vlm& model, const trainer::TrainOptions& options,
                const trainer::NamedTensors& optimizer) {
  vlm::save_adapter(folder, model, trainer::adapter_spec(options, model));
  trainer::NamedTensors moments;
  for (const auto& [name, tensor] : optimizer) {
    if (!name.starts_with("steps.") && name.find(".lora_") != std::string::npos) moments.emplace_back(name, tensor);
  }
  vlm::write_safetensors(folder / "moments.safetensors", moments);
}

void train_warm_up(const GradientOptions& options, const WarmUpPlace& place, const fs::path& folder) {
  const auto train = recipe(options);
  auto [model, chat, images] = vlm::open_model(inputs::find_path(place.model->path), trainer::load_for_training(train),
                                               pixels_of(*place.model), place.model->chat_template);
  const auto rows = warm_up_rows(*place.pool->pool, options);
  const auto samples = place.pool->pool->samples(rows);
  auto set = trainer::make_training_set(samples, chat, *images, train.max_length);
  trainer::ImageFeatures features(model, images, set, train.feature_cache_mb);
  log_info("gradients: warm-up on {} of {} samples, {} epochs", set.samples.size(), place.pool->pool->size(),
           options.warm_up.epochs);
  trainer::TrainCallbacks callbacks;
  callbacks.on_epoch = [&](std::int64_t epoch, const trainer::NamedTensors& optimizer) {
    save_epoch(epoch_folder(folder, epoch), model, train, optimizer);
  };
  const auto result = trainer::train(model, set, features, train, callbacks, folder / "training");
  write_file_atomically(folder / "rows.txt", rows_text(rows));
  write_file_atomically(folder / "train_log.jsonl", train_log_text(result));
  fs::remove_all(folder / "training");
}

}  // namespace

std::optional<StageKey> warm_up_key(const GradientOptions& options, const WarmUpPlace& place) {
  const auto tree = describe_warm_up(options);
  if (tree.is_null()) return {};
  return StageKey{"warm_up",
                  kWarmUpVersion,
                  {{"pool", place.pool->digest}, {"model", place.model_hash}},
                  with_model_options(nlohmann::json(tree), *place.model)};
}

StageRecord ensure_warm_up(const GradientOptions& options, const WarmUpPlace& place, const ArtifactCache& cache) {
  const auto key = *warm_up_key(options, place);
  const Meter meter;
  const auto [folder, cached] = ensure_artifact(cache, key, [&](const fs::path& fresh) {
    train_warm_up(options, place, fresh);
    return nlohmann::json::object();
  });
  return {row_of("warm_up", key, cached, meter), folder};
}

std::unique_ptr<GradientProbe> open_gradients(const GradientPoint& point, const ModelOptions& model,
                                              const fs::path& warm_up) {
  trainer::GradientSource source;
  source.lora.r = point.options.rank;
  source.lora.alpha = point.options.alpha;
  source.seed = point.options.seed;
  if (point.options.weights == GradientWeights::kLora) source.lora.target_pattern = point.options.pattern;
  else source.full_pattern = point.options.pattern;
  if (!warm_up.empty()) {
    source.adapter = epoch_folder(warm_up, point.epoch);
    source.moments = source.adapter / "moments.safetensors";
  }
  trainer::GradientProbeOptions options;
  options.pixels = pixels_of(model);
  options.chat_template = model.chat_template;
  return trainer::open_gradient_probe(inputs::find_path(model.path), model.dtype, source, options);
}

}  // namespace scalselect::pipeline
