#include "experiments/pipeline/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "baselines/registry.h"
#include "core/files.h"
#include "core/log.h"
#include "core/parallel.h"
#include "eval/predictions.h"
#include "eval/registry.h"
#include "eval/skills.h"
#include "experiments/pipeline/environment.h"
#include "experiments/pipeline/passes.h"
#include "experiments/pipeline/stages.h"
#include "experiments/pipeline/train_job.h"
#include "experiments/pipeline/worker_pool.h"
#include "trainer/train.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

/// A configuration on its way through the stages.
struct Run {
  const RunConfig* config = nullptr;
  std::string id, error;
  OpenPool pool;
  FeatureBundle features;
  std::optional<TargetFeatures> target;
  SelectionOutput selection;
  TrainJob job;
  bool planned = false;
};

class Sweep {
 public:
  Sweep(const std::vector<RunConfig>& configs, const std::vector<std::string>& command_line)
      : cache_(configs.front().cache), store_(configs.front().store), environment_(describe_environment(command_line)) {
    configs.front().machine.use();
    if (const int stale = store_.mark_stale_runs(); stale > 0)
      log_warning("{} earlier runs ended without a word; marked stale", stale);
    for (const auto& config : configs) runs_.emplace_back().config = &config;
  }

  SweepSummary execute() {
    for (auto& run : runs_) start(run);
    for (auto& run : runs_) guarded(run, [&] { open(run); });
    extract();
    if (goes_past(StopAfter::kFeatures)) {
      for (auto& run : runs_) guarded(run, [&] { select(run); });
    }
    if (goes_past(StopAfter::kSelection)) train_and_answer();
    if (goes_past(StopAfter::kPredictions)) {
      for (auto& run : runs_) guarded(run, [&] { score(run); });
    }
    for (auto& run : runs_) {
      if (run.error.empty()) store_.finish_run(run.id, "finished");
    }
    summary_.runs = runs_.size();
    summary_.failed = static_cast<std::size_t>(
        std::count_if(runs_.begin(), runs_.end(), [](const Run& run) { return !run.error.empty(); }));
    return summary_;
  }

 private:
  bool goes_past(StopAfter stage) const { return runs_.front().config->stop_after > stage; }

  /// A user's mistake in one run must not cost the others their results.
  template <class Body>
  void guarded(Run& run, const Body& body) {
    if (!run.error.empty()) return;
    try {
      body();
    } catch (const UserError& error) {
      fail(run, error.what());
    }
  }

  void fail(Run& run, const std::string& reason) {
    run.error = reason;
    store_.finish_run(run.id, "failed", reason);
    log_message(LogLevel::kError, fmt::format("{}: {}", run_label(*run.config), reason));
  }

  void start(Run& run) {
    const auto& config = *run.config;
    run.id = store_.start_run({config.name, run_label(config), config.config_hash, config.resolved, config.choices,
                               config.overrides, environment_});
  }

  OpenPool pool_of(const PoolOptions& options) {
    const std::string text = dump_options(options).dump();
    const auto found = pools_.find(text);
    return found != pools_.end() ? found->second : pools_.emplace(text, open_pool(options, cache_)).first->second;
  }

  void open(Run& run) {
    run.pool = pool_of(run.config->pool);
    if (run.config->target) run.target = TargetFeatures{pool_of(*run.config->target), {}};
  }

  /// What one run wants of one pool.
  struct Wish {
    Run* run;
    const OpenPool* pool;
    std::vector<FeatureSpec> specs;
    FeatureBundle* bundle;
  };

  static std::vector<Wish> wishes_of(Run& run) {
    const auto method = make_method(run.config->method, run.config->method_options);
    std::vector<Wish> wishes = {{&run, &run.pool, method.needs, &run.features}};
    if (run.target) wishes.push_back({&run, &run.target->pool, method.target_needs, &run.target->features});
    return wishes;
  }

  /// One pass a (pool, model): the union of what the methods of all runs need.
  void extract() {
    std::map<std::string, std::vector<Wish>> groups;
    for (auto& run : runs_) {
      if (!run.error.empty()) continue;
      for (auto& wish : wishes_of(run)) {
        // The run's own pool warms up the model for gradients, those of the target pool too.
        groups[wish.pool->digest + run.pool.digest + dump_options(run.config->model).dump()].push_back(std::move(wish));
      }
    }
    for (auto& [group, wishes] : groups) {
      std::vector<FeatureSpec> specs;
      for (const auto& wish : wishes) specs.insert(specs.end(), wish.specs.begin(), wish.specs.end());
      try {
        const auto& run = *wishes.front().run;
        const auto bundle = ensure_features(specs, *wishes.front().pool, run.config->model, cache_, &run.pool);
        summary_.extractions += bundle.extracted ? 1 : 0;
        for (auto& wish : wishes) *wish.bundle = bundle;
      } catch (const UserError& error) {
        for (auto& wish : wishes) {
          if (wish.run->error.empty()) fail(*wish.run, error.what());
        }
      }
    }
  }

  void log_record(const Run& run, const StageRecord& record) {
    store_.log_stage(run.id, record.row);
    store_.log_artifact(run.id, {record.row.stage, record.folder.string(), record.row.key, 0});
  }

  void select(Run& run) {
    run.selection = ensure_selection(*run.config, run.pool, run.features, run.target ? &*run.target : nullptr, cache_);
    bool warm_up_logged = false;
    PassCounter passes;
    for (const auto& wish : wishes_of(run)) {
      passes.add(wish.specs, *wish.bundle);
      for (const auto& spec : wish.specs) {
        const auto text = describe_feature(spec).dump();
        auto record = wish.bundle->records.at(text);
        if (wish.pool != &run.pool) record.row.stage = "target/" + record.row.stage;
        log_record(run, record);
        // Several epochs go back to one warm-up; the record that tells its cost is the one to keep.
        const auto found = wish.bundle->warm_ups.find(text);
        if (found != wish.bundle->warm_ups.end() && (!found->second.row.cached || !warm_up_logged)) {
          log_record(run, found->second);
          warm_up_logged = true;
        }
      }
    }
    if (run.target) {
      const auto& target = run.target->pool;
      store_.log_input(run.id, "target", target.path.string(), target.digest, target.pool->size());
    }
    for (const auto& record : run.selection.records) {
      if (!record.row.cached) ++summary_.selections;
      log_record(run, record);
    }
    store_.log_input(run.id, "pool", run.pool.path.string(), run.pool.digest, run.pool.pool->size());
    store_.log_artifact(run.id, {"pool", run.pool.path.string(), run.pool.digest,
                                 static_cast<std::int64_t>(fs::file_size(run.pool.path))});
    store_.log_metrics(run.id,
                       {{"select/samples", 0, static_cast<double>(run.selection.rows.size())},
                        {"select/share", 0,
                         static_cast<double>(run.selection.rows.size()) / static_cast<double>(run.pool.pool->size())},
                        {"select/wall_s", 0, run.selection.cost.wall_s},
                        {"select/cpu_s", 0, run.selection.cost.cpu_s},
                        {"select/added_bytes", 0, static_cast<double>(run.selection.cost.added_bytes)},
                        {"select/forward_passes", 0, static_cast<double>(passes.forward())},
                        {"select/backward_passes", 0, static_cast<double>(passes.backward())}});
  }

  const std::string& model_hash(const ModelOptions& model) {
    auto& hash = model_hashes_[model.path];
    if (hash.empty()) hash = model_digest(find_path(model.path), cache_);
    return hash;
  }

  /// Runs that picked the same rows under the same training share one job.
  void train_and_answer() {
    std::map<std::string, std::vector<Run*>> by_job;
    for (auto& run : runs_) {
      guarded(run, [&] {
        run.job = plan_training(*run.config, run.pool, run.selection, model_hash(run.config->model));
        run.planned = true;
        store_.log_input(run.id, "model", run.job.model.string(), model_hash(run.config->model), 0);
      });
      if (run.planned) by_job[run.job.adapter.digest()].push_back(&run);
    }
    std::vector<WorkerJob> jobs;
    std::vector<std::vector<Run*>> owners;
    const fs::path logs = fs::path(runs_.front().config->cache) / "logs";
    for (auto& [digest, members] : by_job) {
      const Run& first = *members.front();
      if (is_done(first.job, cache_)) {
        record(members, nlohmann::json::object());
        continue;
      }
      jobs.push_back(
          {first.job.label, first.job.to_json(), logs / (digest.substr(0, 16) + ".log"), training_weight(first)});
      owners.push_back(members);
    }
    if (jobs.empty()) return;
    const int threads = thread_count();
    const auto& asked = runs_.front().config->parallel;
    // Threads a job come from all trainings, not from those left: a resumed sweep must add numbers in the same order.
    const int parallel =
        std::min<int>(asked.value_or(compute_device().cuda ? 1 : threads), static_cast<int>(by_job.size()));
    log_info("training and evaluation: {} jobs, {} side by side", jobs.size(), parallel);
    run_workers(jobs, parallel, std::max(1, threads / parallel), [&](std::size_t index, const WorkerResult& result) {
      if (result.ok) {
        record(owners[index], result.answer);
        log_info("done: {}", jobs[index].label);
      } else {
        for (auto* run : owners[index]) fail(*run, result.error);
      }
    });
  }

  static double training_weight(const Run& run) {
    const auto& options = run.job.trainer;
    const auto steps = trainer::total_steps(options, static_cast<std::int64_t>(run.selection.rows.size()));
    return static_cast<double>(steps * options.batch_size * options.accumulation) +
           1000;  // evaluation costs about 1,000 samples
  }

  /// Notes what a job made in every run that owns it. `answer`: what the worker reported; empty if all was cached.
  void record(const std::vector<Run*>& owners, const nlohmann::json& answer) {
    std::map<std::string, StageRow> reported;
    for (const auto& item : answer.value("stages", nlohmann::json::array())) {
      reported[item["stage"]] = {item["stage"],  item["key"],   item["cached"],
                                 item["wall_s"], item["cpu_s"], item["peak_rss"]};
    }
    bool counted = false;
    for (auto* run : owners) {
      const auto note = [&](const std::string& stage, const StageKey& key, int& counter) {
        const auto folder = cache_.find(key);
        if (!folder) return;
        const auto found = reported.find(stage);
        const StageRow row = found != reported.end() ? found->second : StageRow{stage, key.digest(), true, 0, 0, 0};
        if (!row.cached && !counted) ++counter;
        store_.log_stage(run->id, row);
        store_.log_artifact(run->id, {stage, folder->string(), key.digest(), 0});
      };
      note("adapter", run->job.adapter, summary_.trainings);
      for (std::size_t i = 0; i < run->job.predictions.size(); ++i) {
        note("predictions/" + run->job.eval.benchmarks[i].name, run->job.predictions[i], summary_.evaluations);
      }
      log_training(*run);
      counted = true;
    }
  }

  /// Training curves go from the adapter's log into the store.
  void log_training(const Run& run) {
    const auto folder = cache_.find(run.job.adapter);
    if (!folder || !fs::exists(*folder / "train_log.jsonl")) return;
    std::vector<MetricRow> metrics;
    std::istringstream lines(read_file(*folder / "train_log.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const auto entry = nlohmann::json::parse(line, nullptr, false);
      if (!entry.is_object()) continue;
      const auto step = entry.value("step", std::int64_t{0});
      for (const auto& [key, value] : entry.items()) {
        if (key != "step" && value.is_number()) metrics.push_back({"train/" + key, step, value.get<double>()});
      }
    }
    store_.log_metrics(run.id, metrics);
  }

  void score(Run& run) {
    std::vector<MetricRow> metrics;
    std::vector<eval::Question> questions;
    std::vector<eval::Outcome> outcomes;
    for (std::size_t i = 0; i < run.job.predictions.size(); ++i) {
      const auto benchmark = eval::make_benchmark(run.job.eval.benchmarks[i]);
      const auto folder = cache_.find(run.job.predictions[i]);
      if (!folder)
        throw UserError(ErrorKind::kEnvironment,
                        "The answers to " + benchmark->display() + " are missing from the cache.", "Run again.");
      const auto rescored = eval::rescore(*benchmark, *folder / "predictions.jsonl");
      for (const auto& stats : rescored.scores.metrics) {
        metrics.push_back({"eval/" + benchmark->name() + "/" + stats.metric.name, 0, stats.metric.value});
      }
      questions.insert(questions.end(), rescored.questions.begin(), rescored.questions.end());
      outcomes.insert(outcomes.end(), rescored.outcomes.begin(), rescored.outcomes.end());
    }
    const auto skills = eval::skill_scores(questions, outcomes);
    for (const auto& skill : skills) {
      metrics.push_back({"skill/" + skill.skill + "/accuracy", 0, skill.accuracy});
      metrics.push_back({"skill/" + skill.skill + "/chance", 0, skill.chance});
    }
    if (!skills.empty()) metrics.push_back({"skill/mean", 0, eval::mean_skill_accuracy(skills)});
    store_.log_metrics(run.id, metrics);
  }

  ArtifactCache cache_;
  Store store_;
  nlohmann::ordered_json environment_;
  std::vector<Run> runs_;
  std::map<std::string, OpenPool> pools_;
  std::map<std::string, std::string> model_hashes_;
  SweepSummary summary_;
};

}  // namespace

std::string run_label(const RunConfig& config) {
  return fmt::format("{} budget={} seed={}{}", config.method_choice.empty() ? config.method : config.method_choice,
                     config.budget.text(), config.seed, config.regime == Regime::kSteps ? " regime=steps" : "");
}

SweepSummary run_sweep(const std::vector<RunConfig>& configs, const std::vector<std::string>& command_line) {
  return Sweep(configs, command_line).execute();
}

}  // namespace scalselect::pipeline
