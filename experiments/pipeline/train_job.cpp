#include "experiments/pipeline/train_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/row_list.h"
#include "experiments/pipeline/environment.h"
#include "experiments/pipeline/evaluate.h"
#include "experiments/pipeline/sweep.h"
#include "experiments/runs/benchmark_places.h"
#include "experiments/runs/warnings.h"
#include "trainer/bfloat16.h"
#include "trainer/dataset.h"
#include "trainer/group.h"
#include "trainer/image_features.h"
#include "vlm/open_model.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::minutes kPatience{15};  ///< for the others of a group to have come to the same training
constexpr int kAdapterVersion = 3;             ///< since 3 a batch is one sequence, its logits are computed in parts

StageKey key_from(const nlohmann::json& payload) {
  return {payload.at("stage"), payload.at("version"), payload.at("inputs"), payload.at("params")};
}

/// Tells the parent how far the whole job is.
class JobProgress {
 public:
  JobProgress(launchers::Reporter& reporter, double training_share, std::string label)
      : reporter_(reporter), share_(training_share), label_(std::move(label)) {}
  void waiting(const std::string& what) { reporter_.progress(0, label_ + ": " + what); }
  void training(std::int64_t step, std::int64_t steps, double loss) {
    reporter_.progress(share_ * static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, steps)),
                       fmt::format("{}: step {}/{}, loss {:.3f}", label_, step, steps, loss));
  }
  void answering(double done, const std::string& benchmark) {
    reporter_.progress(share_ + (1 - share_) * done, label_ + ": " + benchmark);
  }

 private:
  launchers::Reporter& reporter_;
  double share_;
  std::string label_;
};

nlohmann::json stage_json(const std::string& stage, const StageKey& key, bool cached, const Meter& meter) {
  return {{"stage", stage},           {"key", key.digest()},    {"cached", cached},
          {"wall_s", meter.wall_s()}, {"cpu_s", meter.cpu_s()}, {"peak_rss", Meter::peak_rss()}};
}

std::vector<Sample> selected_samples(const TrainJob& job) {
  const Pool pool(job.pool);
  auto rows = read_row_list(job.rows, &pool, pool.size(), {.keyed_by = KeyedBy::kRow}).rows;
  std::sort(rows.begin(), rows.end());  // methods that chose the same rows share a training, whatever their order
  return pool.samples(rows);
}

std::string skipped_text(const trainer::TrainingSet& set) {
  std::string text;
  for (const auto& row : set.skipped)
    text += nlohmann::ordered_json({{"row", row.row}, {"reason", row.reason}}).dump() + "\n";
  return text;
}

/// Fine-tunes into `folder`: adapter/ (PEFT), train_log.jsonl, skipped.jsonl, and until it is done the checkpoint.
/// Processes of a group other than the first write nothing, and leave off where the cache has the adapter.
void fine_tune(const TrainJob& job, const ArtifactCache& cache, const fs::path& folder, JobProgress& progress) {
  std::unique_ptr<trainer::TrainingGroup> group;
  if (job.processes > 1) {
    group = trainer::meet(folder / "training" / "meeting.json", job.rank, job.processes, kPatience,
                          {[&] { return cache.find(job.adapter).has_value(); },
                           [&](const std::string& whom) { progress.waiting(whom); }});
    if (!group) return;
    log_info("{}: process {} of {} that share the training", job.label, job.rank, job.processes);
  }
  auto [model, chat, images] = vlm::open_model(job.model, trainer::load_for_training(job.trainer),
                                               pixels_of(job.model_options), job.model_options.chat_template);
  const auto samples = selected_samples(job);
  trainer::share_image_tokens(samples, *images, group.get());
  auto set = trainer::make_training_set(samples, chat, *images, job.trainer.max_length);
  trainer::ImageFeatures features(model, images, set, job.trainer.feature_cache_mb, group.get());
  const auto steps = trainer::total_steps(job.trainer, static_cast<std::int64_t>(set.samples.size()));
  trainer::TrainCallbacks callbacks;
  callbacks.progress = false;
  callbacks.on_step = [&](const trainer::StepRecord& step) { progress.training(step.step, steps, step.loss); };
  const auto result = trainer::train(model, set, features, job.trainer, callbacks, folder / "training", group.get());
  if (job.rank > 0) return;
  write_file_atomically(folder / "train_log.jsonl", train_log_text(result));
  write_file_atomically(folder / "skipped.jsonl", skipped_text(set));
  vlm::save_adapter(folder / "adapter", model, trainer::adapter_spec(job.trainer, model));
  fs::remove_all(folder / "training");
}

/// The adapter, which process 0 of the group writes and this one helps to train; whether the cache had it.
std::pair<fs::path, bool> follow(const TrainJob& job, const ArtifactCache& cache, JobProgress& progress) {
  if (const auto folder = cache.find(job.adapter)) return {*folder, true};
  fine_tune(job, cache, cache.folder(job.adapter).string() + ".partial", progress);
  const auto written = cache.share(job.adapter);  // waits for process 0
  if (const auto folder = cache.find(job.adapter)) return {*folder, false};
  throw UserError(ErrorKind::kEnvironment, "Process 0 ended before it had written the adapter.",
                  "Its own message says why; run the command again.");
}

/// Whether another process is training or answering for it.
bool is_held(const TrainJob& job, const ArtifactCache& cache) {
  return cache.is_held(job.adapter) || std::any_of(job.predictions.begin(), job.predictions.end(),
                                                   [&](const StageKey& key) { return cache.is_held(key); });
}

}  // namespace

std::string train_log_text(const trainer::TrainResult& result) {
  std::string text;
  for (const auto& step : result.history) {
    text += nlohmann::ordered_json({{"step", step.step},
                                    {"epoch", step.epoch},
                                    {"loss", step.loss},
                                    {"learning_rate", step.learning_rate},
                                    {"grad_norm", step.grad_norm},
                                    {"tokens", step.tokens}})
                .dump() +
            "\n";
  }
  return text;
}

nlohmann::json TrainJob::to_json() const {
  nlohmann::json tree = {{"label", label},
                         {"cache", cache},
                         {"model", model.string()},
                         {"pool", nlohmann::json::array()},
                         {"rows", rows.string()},
                         {"model_options", nlohmann::json(dump_options(model_options))},
                         {"trainer", nlohmann::json(dump_options(trainer))},
                         {"eval", nlohmann::json(dump_options(eval))},
                         {"adapter", adapter.payload()},
                         {"rank", rank},
                         {"processes", processes},
                         {"yields", yields},
                         {"predictions", nlohmann::json::array()}};
  for (const auto& entry : pool) tree["pool"].push_back(nlohmann::json(dump_options(entry)));
  for (const auto& key : predictions) tree["predictions"].push_back(key.payload());
  return tree;
}

TrainJob TrainJob::from_json(const nlohmann::json& tree) {
  TrainJob job;
  job.label = tree.at("label");
  job.cache = tree.at("cache");
  job.model = tree.at("model").get<std::string>();
  for (const auto& entry : tree.at("pool")) job.pool.push_back(bind_options<PoolEntry>(entry, "pool"));
  job.rows = tree.at("rows").get<std::string>();
  job.model_options = bind_options<ModelOptions>(tree.at("model_options"), "model");
  job.trainer = bind_options<trainer::TrainOptions>(tree.at("trainer"), "trainer");
  job.eval = bind_options<EvalOptions>(tree.at("eval"), "eval");
  job.adapter = key_from(tree.at("adapter"));
  job.rank = tree.at("rank");
  job.processes = tree.at("processes");
  job.yields = tree.at("yields");
  for (const auto& payload : tree.at("predictions")) job.predictions.push_back(key_from(payload));
  return job;
}

std::vector<eval::BenchmarkOptions> benchmarks_of(const RunConfig& config, const OpenPool& pool) {
  const fs::path root = config.eval.root ? inputs::find_path(*config.eval.root) : pool.benchmarks;
  return place_benchmarks(config.eval.benchmarks, root);
}

TrainJob plan_training(const RunConfig& config, const OpenPool& pool, const SelectionOutput& selection,
                       const std::string& model_hash, BenchmarkDigests& benchmarks) {
  TrainJob job;
  job.label = run_label(config);
  job.cache = config.cache;
  job.model = fs::absolute(inputs::find_path(config.model.path));
  job.pool = pool.pool->entries();
  for (auto& entry : job.pool) {  // a worker's folder may be another
    entry.path = fs::absolute(entry.path).string();
    if (entry.image_root) entry.image_root = fs::absolute(*entry.image_root).string();
  }
  job.rows = fs::absolute(selection.records.back().folder / "rows.txt");
  job.model_options = config.model;
  job.trainer = config.trainer;
  job.trainer.seed = config.seed;
  if (config.regime == Regime::kSteps && !job.trainer.max_steps) {
    job.trainer.max_steps = trainer::total_steps(config.trainer, pool.pool->size());
  }
  job.adapter = {"adapter",
                 kAdapterVersion,
                 {{"model", model_hash}, {"pool", pool.digest}, {"rows", selection.rows_digest}},
                 with_model_options({{"trainer", training_identity(dump_options(job.trainer))}}, config.model)};
  if (config.stop_after <= StopAfter::kAdapter) return job;

  job.eval = config.eval;
  job.eval.benchmarks = benchmarks_of(config, pool);
  for (const auto& benchmark : job.eval.benchmarks) {
    auto inputs = benchmarks.inputs(benchmark);
    inputs["adapter"] = job.adapter.digest();  // with it the model and its other options
    job.predictions.push_back(predictions_key(benchmark, job.eval, std::move(inputs), {{"dtype", config.model.dtype}}));
  }
  return job;
}

bool is_done(const TrainJob& job, const ArtifactCache& cache) {
  if (!cache.find(job.adapter)) return false;
  for (const auto& key : job.predictions) {
    if (!cache.find(key)) return false;
  }
  return true;
}

void run_train_job(const TrainJob& job, launchers::Reporter& reporter) {
  const ArtifactCache cache(job.cache);
  if (job.yields && is_held(job, cache)) return reporter.result({{"elsewhere", true}});
  auto stages = nlohmann::json::array();
  const Warnings reported([&](const std::string& text) { reporter.warning(text); });
  JobProgress progress(reporter, job.predictions.empty() ? 1.0 : 0.9, job.label);

  const Meter training;
  const auto lead = [&] {
    return ensure_artifact(cache, job.adapter, [&](const fs::path& folder) {
      fine_tune(job, cache, folder, progress);
      return facts_of_making();
    });
  };
  const auto [adapter, trained_before] = job.rank == 0 ? lead() : follow(job, cache, progress);
  stages.push_back(stage_json("adapter", job.adapter, trained_before, training));

  LazyGenerator generator(job.model, adapter / "adapter", job.model_options);
  const auto count = static_cast<double>(job.predictions.size());
  for (std::size_t i = 0; i < job.predictions.size(); ++i) {
    const Meter answering;
    const auto& benchmark = job.eval.benchmarks[i];
    progress.answering(static_cast<double>(i) / count, benchmark.display);
    const bool answered_before =
        PredictionPass(cache, job.predictions[i], benchmark, job.eval, generator).complete().second;
    stages.push_back(stage_json("predictions/" + benchmark.name, job.predictions[i], answered_before, answering));
  }
  reporter.result({{"stages", stages}});
}

}  // namespace scalselect::pipeline
