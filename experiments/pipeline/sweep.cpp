#include "experiments/pipeline/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "baselines/registry.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/process_group.h"
#include "experiments/inputs/constraints.h"
#include "experiments/pipeline/environment.h"
#include "experiments/pipeline/stages.h"
#include "experiments/pipeline/train_job.h"
#include "experiments/report/text.h"
#include "experiments/runs/evaluation.h"
#include "experiments/runs/passes.h"
#include "experiments/runs/run_records.h"
#include "experiments/runs/warnings.h"
#include "trainer/group.h"
#include "trainer/train.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

/// A configuration on its way through the stages.
struct Run {
  const RunConfig* config = nullptr;
  std::string id, error;
  std::vector<std::string> warnings;
  OpenPool pool;
  std::optional<OpenPool> target;
  std::shared_ptr<const RowSet> rows;
  // Shared by the runs of a sweep, and released once the rows are chosen.
  std::shared_ptr<const FeatureBundle> features, target_features;
  SelectionOutput selection;
  TrainJob job;
  bool planned = false, computed = false;
};

/// A pool with what was warned of when it was read.
struct KnownPool {
  OpenPool pool;
  std::vector<std::string> warnings;
};

/// This very program, even if its file has been replaced.
constexpr char kOwnProgram[] = "/proc/self/exe";

class Sweep {
 public:
  Sweep(const std::vector<RunConfig>& configs, const std::vector<std::string>& command_line)
      : cache_(configs.front().cache),
        command_(report::shell_text(command_line)),
        records_(group_.leads() ? configs.front().store : std::string(Store::kInMemory)),
        environment_(describe_environment(command_line)),
        benchmarks_(cache_.root() / "images", FileDigests(cache_.root() / "digests")),
        on_interrupt_([this](int signal) { interrupted(signal); }) {
    configs.front().machine.use();
    if (const int stale = store().mark_stale_runs(); stale > 0)
      log_warning("{} earlier runs ended without recording how; marked stale", stale);
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
    if (goes_past(StopAfter::kPredictions) && group_.leads()) {
      for (auto& run : runs_) guarded(run, [&] { score(run); });
    }
    for (auto& run : runs_) {
      if (run.error.empty()) records_.end(run.id, "finished", {}, run.warnings);
    }
    summary_.runs = runs_.size();
    summary_.failed = static_cast<std::size_t>(
        std::count_if(runs_.begin(), runs_.end(), [](const Run& run) { return !run.error.empty(); }));
    return summary_;
  }

 private:
  bool goes_past(StopAfter stage) const { return runs_.front().config->stop_after > stage; }

  Store& store() { return records_.store(); }

  /// Whatever goes wrong in one run must not cost the others their results.
  void guarded(Run& run, const std::function<void()>& body) {
    if (!run.error.empty()) return;
    if (const auto failure = attempt(body, run.warnings); !failure.empty()) fail(run, failure);
  }

  void fail(Run& run, const std::string& reason) {
    run.error = reason;
    log_message(LogLevel::kError, fmt::format("{}: {}", run_label(*run.config), reason));
    records_.end(run.id, "failed", reason, run.warnings);
  }

  /// Called in the guard's thread.
  void interrupted(int signal) {
    report_interrupt(signal, cache_);
    records_.interrupt(fmt::format("Interrupted by {}; the same command continues.", signal_name(signal)));
  }

  void start(Run& run) {
    const auto& config = *run.config;
    run.id = records_.start({config.name, run_label(config), config.config_hash, config.resolved, config.choices,
                             config.overrides, environment_});
  }

  OpenPool pool_of(const inputs::PoolOptions& options, Run& run) {
    const std::string text = dump_options(options).dump();
    auto found = pools_.find(text);
    if (found == pools_.end()) {
      KnownPool fresh;
      Warnings collected;
      fresh.pool = inputs::open_pool(options, cache_);
      fresh.warnings = collected.take();
      found = pools_.emplace(text, std::move(fresh)).first;
    }
    add_warnings(run.warnings, found->second.warnings);
    return found->second.pool;
  }

  /// Shared by runs with the same pool and constraints.
  std::shared_ptr<const RowSet> rows_of(const Run& run) {
    const auto& constraints = run.config->constraints;
    auto& rows = row_sets_[dump_options(run.config->pool).dump() + dump_options(constraints).dump()];
    if (!rows) rows = std::make_shared<RowSet>(inputs::row_set(run.pool, constraints, cache_));
    return rows;
  }

  void open(Run& run) {
    run.pool = pool_of(run.config->pool, run);
    if (run.config->target) run.target = pool_of(*run.config->target, run);
    look_at_benchmarks(run);
    run.rows = rows_of(run);
    if (goes_past(StopAfter::kSelection))
      trainer::check_shards(run.config->trainer.shards, run.config->trainer.shards == 1 ? 1 : group_.size);
    check_constraints(make_method(run.config->method, run.config->method_options), *run.rows, run.config->budget);
  }

  /// A file that is missing is found here, before any model has run.
  void look_at_benchmarks(const Run& run) {
    if (!goes_past(StopAfter::kAdapter)) return;
    for (const auto& benchmark : benchmarks_of(*run.config, run.pool)) benchmarks_.inputs(benchmark);
  }

  /// The features that one run needs of one pool.
  struct FeatureRequest {
    Run* run;
    const OpenPool* pool;
    std::vector<FeatureSpec> specs;
    std::shared_ptr<const FeatureBundle>* bundle;
  };

  static std::vector<FeatureRequest> requests_of(Run& run) {
    const auto method = make_method(run.config->method, run.config->method_options);
    std::vector<FeatureRequest> requests = {{&run, &run.pool, method.needs, &run.features}};
    if (run.target) requests.push_back({&run, &*run.target, method.target_needs, &run.target_features});
    return requests;
  }

  /// One pass per pool and model: the union of what the methods of all runs need.
  void extract() {
    std::map<std::string, std::vector<FeatureRequest>> groups;
    for (auto& run : runs_) {
      if (!run.error.empty()) continue;
      for (auto& request : requests_of(run)) {
        // The run's own pool warms up the model for gradients, also for those of the target pool.
        groups[request.pool->digest + run.pool.digest + dump_options(run.config->model).dump()].push_back(
            std::move(request));
      }
    }
    for (auto& [group, requests] : groups) {
      std::vector<FeatureSpec> specs;
      for (const auto& request : requests) specs.insert(specs.end(), request.specs.begin(), request.specs.end());
      std::vector<std::string> warnings;
      const auto failure = attempt(
          [&, &requests = requests] {
            const auto& run = *requests.front().run;
            const auto bundle = std::make_shared<const FeatureBundle>(
                ensure_features(specs, *requests.front().pool, run.config->model, cache_, &run.pool));
            summary_.extractions += bundle->extracted ? 1 : 0;
            for (auto& request : requests) *request.bundle = bundle;
          },
          warnings);
      for (auto& request : requests) {
        add_warnings(request.run->warnings, warnings);
        if (!failure.empty() && request.run->error.empty()) fail(*request.run, failure);
      }
    }
  }

  /// A run's provenance is that of what computed it, not of a later command that found everything in the cache.
  void log_stage(Run& run, const StageRow& row) {
    if (!row.cached && !std::exchange(run.computed, true)) store().set_provenance(run.id, environment_);
    store().log_stage(run.id, row);
  }

  void log_record(Run& run, const StageRecord& record) {
    log_stage(run, record.row);
    store().log_artifact(run.id, {record.row.stage, record.folder.string(), record.row.key, 0});
  }

  void select(Run& run) {
    std::optional<TargetFeatures> target;
    if (run.target) target = TargetFeatures{*run.target, *run.target_features};
    run.selection = ensure_selection(*run.config, run.pool, *run.rows, *run.features, target ? &*target : nullptr,
                                     cache_, command_);
    bool warm_up_logged = false;
    PassCounter passes;
    for (const auto& request : requests_of(run)) {
      const FeatureBundle& bundle = **request.bundle;
      passes.add(request.specs, bundle);
      for (const auto& spec : request.specs) {
        const auto text = describe_feature(spec).dump();
        auto record = bundle.records.at(text);
        if (request.pool != &run.pool) record.row.stage = "target/" + record.row.stage;
        log_record(run, record);
        // Several epochs share one warm-up; the record with its cost is the one to keep.
        const auto found = bundle.warm_ups.find(text);
        if (found != bundle.warm_ups.end() && (!found->second.row.cached || !warm_up_logged)) {
          log_record(run, found->second);
          warm_up_logged = true;
        }
      }
    }
    if (run.target) {
      store().log_input(run.id, "target", run.target->path.string(), run.target->digest, run.target->pool->size());
    }
    for (const auto& record : run.selection.records) {
      if (!record.row.cached) ++summary_.selections;
      log_record(run, record);
    }
    store().log_input(run.id, "pool", run.pool.path.string(), run.pool.digest, run.pool.pool->size());
    std::int64_t pool_bytes = 0;
    for (const auto& file : run.pool.files) pool_bytes += static_cast<std::int64_t>(fs::file_size(file));
    store().log_artifact(run.id, {"pool", run.pool.files.front().string(), run.pool.digest, pool_bytes});
    store().log_metrics(run.id,
                        {{"select/samples", 0, static_cast<double>(run.selection.rows.size())},
                         {"select/share", 0,
                          static_cast<double>(run.selection.rows.size()) / static_cast<double>(run.pool.pool->size())},
                         {"select/wall_s", 0, run.selection.cost.wall_s},
                         {"select/cpu_s", 0, run.selection.cost.cpu_s},
                         {"select/added_bytes", 0, static_cast<double>(run.selection.cost.added_bytes)},
                         {"select/forward_passes", 0, static_cast<double>(passes.forward())},
                         {"select/backward_passes", 0, static_cast<double>(passes.backward())}});
    store().log_metrics(run.id, count_metrics(run.selection.record.counts));
    run.features = run.target_features = nullptr;
  }

  /// Rows of the pool that could and could not be chosen, by reason.
  static std::vector<MetricRow> count_metrics(const nlohmann::ordered_json& counts) {
    std::vector<MetricRow> metrics;
    for (const auto& [kind, value] : counts.items()) {
      if (value.is_number()) metrics.push_back({"rows/" + kind, 0, value.get<double>()});
      else
        for (const auto& [reason, rows] : value.items())
          metrics.push_back({"rows/" + kind + "/" + reason, 0, rows.get<double>()});
    }
    return metrics;
  }

  const std::string& model_hash(const ModelOptions& model) {
    auto& hash = model_hashes_[model.path];
    if (hash.empty()) hash = inputs::model_digest(inputs::find_path(model.path), cache_);
    return hash;
  }

  /// Runs that picked the same rows under the same training share one job.
  void train_and_answer() {
    std::map<std::string, std::vector<Run*>> by_job;
    for (auto& run : runs_) {
      guarded(run, [&] {
        run.job = plan_training(*run.config, run.pool, run.selection, model_hash(run.config->model), benchmarks_);
        for (const auto& benchmark : run.job.eval.benchmarks) add_warnings(run.warnings, benchmarks_.notes(benchmark));
        run.planned = true;
        store().log_input(run.id, "model", run.job.model.string(), model_hash(run.config->model), 0);
      });
      if (run.planned) by_job[run.job.adapter.digest()].push_back(&run);
    }
    std::vector<OwnedJob> jobs;
    for (auto& [digest, members] : by_job) {
      if (is_done(members.front()->job, cache_)) record(members, {});
      else jobs.push_back({members, log_of(digest)});
    }
    if (jobs.empty()) return;
    // Threads are divided among all trainings, not those left: a resumed sweep adds numbers in the same order.
    auto workers = launchers::divide_machine(thread_count(), runs_.front().config->parallel.value_or(0),
                                             compute_device().cuda, by_job.size());
    workers.command = {kOwnProgram, "_work"};
    log_info("training and evaluation: {} jobs, {} side by side", jobs.size(), workers.parallel);
    const int threads = runs_.front().config->trainer.threads;
    if (!compute_device().cuda && workers.parallel * threads < thread_count()) {
      log_info("each training uses {} of {} threads; trainer.threads={} is faster, and other last digits", threads,
               thread_count(), thread_count() / workers.parallel);
    }
    const auto shared = std::stable_partition(jobs.begin(), jobs.end(), [&](const OwnedJob& job) {
      return group_.size == 1 || job.owners.front()->job.trainer.shards == 1;
    });
    const std::vector<OwnedJob> together(shared, jobs.end());
    jobs.erase(shared, jobs.end());
    train_together(together, workers);
    launch(launch(jobs, workers, group_.size > 1), workers, false);
  }

  /// Runs that share a training, and the file for what its worker logs.
  struct OwnedJob {
    std::vector<Run*> owners;
    fs::path log;
  };

  /// Processes of a group may be at the same training one after another, each with a log of its own.
  fs::path log_of(const std::string& digest) const {
    const auto name = digest.substr(0, 16) + (group_.leads() ? "" : fmt::format(".{}", group_.rank));
    return fs::path(runs_.front().config->cache) / "logs" / (name + ".log");
  }

  /// Jobs that the processes of the group do one after another, each by all of them.
  void train_together(const std::vector<OwnedJob>& jobs, launchers::Workers workers) {
    workers.parallel = 1;
    workers.threads = thread_count();
    for (const auto& job : jobs) {
      auto& first = *job.owners.front();
      first.job.rank = group_.rank;
      first.job.processes = group_.size;
    }
    launch(jobs, workers, false);
  }

  /// Runs the jobs. With `yield` those that another process is at are left alone and returned.
  std::vector<OwnedJob> launch(const std::vector<OwnedJob>& owned, const launchers::Workers& workers, bool yield) {
    if (owned.empty()) return {};
    std::vector<launchers::Job> jobs;
    for (const auto& job : owned) {
      auto& first = *job.owners.front();
      first.job.yields = yield;
      jobs.push_back({first.job.label, first.job.to_json(), job.log, training_weight(first)});
    }
    std::vector<OwnedJob> elsewhere;
    const auto launcher = launchers::make_launcher(runs_.front().config->launcher, workers);
    launcher->run(jobs, [&](std::size_t index, const launchers::JobResult& result) {
      const auto& owners = owned[index].owners;
      for (auto* run : owners) {
        add_warnings(run->warnings, result.warnings);
        if (!result.ok()) fail(*run, result.error);
      }
      if (!result.ok()) return;
      if (result.answer.contains("elsewhere")) {
        elsewhere.push_back(owned[index]);
        return;
      }
      record(owners, result.answer);
      log_info("done: {}", jobs[index].label);
    });
    return elsewhere;
  }

  static double training_weight(const Run& run) {
    const auto& options = run.job.trainer;
    const auto steps = trainer::total_steps(options, static_cast<std::int64_t>(run.selection.rows.size()));
    constexpr double kEvaluation = 1000;  // about as many samples' worth
    return static_cast<double>(steps * options.batch_size * options.accumulation) + kEvaluation;
  }

  /// Notes what a job made in every run that owns it. `answer`: what the worker gave; null if all was cached.
  void record(const std::vector<Run*>& owners, const nlohmann::json& answer) {
    bool counted = false;
    for (auto* run : owners) {
      const auto known = run->warnings.size();
      guarded(*run, [&] { record(*run, answer, counted); });
      counted = true;
      if (!answer.is_null()) continue;
      for (auto i = known; i < run->warnings.size(); ++i)  // no worker has logged them this time
        log_warning("{}: {}", run_label(*run->config), run->warnings[i]);
    }
  }

  void record(Run& run, const nlohmann::json& answer, bool counted) {
    std::map<std::string, StageRow> reported;
    for (const auto& item : answer.is_null() ? nlohmann::json::array() : answer.at("stages")) {
      reported[item["stage"]] = {item["stage"],  item["key"],   item["cached"],
                                 item["wall_s"], item["cpu_s"], item["peak_rss"]};
    }
    const auto note = [&](const std::string& stage, const StageKey& key, int& counter) {
      const auto folder = cache_.find(key);
      if (!folder) return;
      const auto found = reported.find(stage);
      const StageRow row = found != reported.end() ? found->second : StageRow{stage, key.digest(), true, 0, 0, 0};
      if (!row.cached && !counted) ++counter;
      log_stage(run, row);
      store().log_artifact(run.id, {stage, folder->string(), key.digest(), 0});
      add_warnings(run.warnings, warnings_of(*folder));
    };
    note("adapter", run.job.adapter, summary_.trainings);
    for (std::size_t i = 0; i < run.job.predictions.size(); ++i) {
      note("predictions/" + run.job.eval.benchmarks[i].name, run.job.predictions[i], summary_.evaluations);
    }
    log_training(run);
  }

  /// What was warned of when the artifact in `folder` was made, and that it was made on another kind of device.
  static std::vector<std::string> warnings_of(const fs::path& folder) {
    auto warnings = remembered_warnings(folder);
    const auto here = compute_device(), there = parse_device(artifact_facts(folder).value("device", here.text()));
    if (here.cuda != there.cuda) {
      warnings.push_back(fmt::format("'{}' was made on {} and is used on {}: equal to rounding, not to the bit",
                                     folder.string(), there.text(), here.text()));
    }
    return warnings;
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
    if (const auto skipped = *folder / "skipped.jsonl"; fs::exists(skipped)) {
      const auto lines = read_file(skipped);
      metrics.push_back({"train/rows_left_out", 0, static_cast<double>(std::count(lines.begin(), lines.end(), '\n'))});
    }
    store().log_metrics(run.id, metrics);
  }

  void score(Run& run) {
    std::vector<ScoredAnswers> scored;
    for (std::size_t i = 0; i < run.job.predictions.size(); ++i) {
      const auto& benchmark = run.job.eval.benchmarks[i];
      const auto folder = cache_.find(run.job.predictions[i]);
      if (!folder)
        throw UserError(ErrorKind::kEnvironment, "The answers to " + benchmark.display + " are missing from the cache.",
                        "Run again.");
      scored.push_back(score_answers(benchmark, *folder));
    }
    log_scores(store(), run.id, scored);
    const bool incomplete =
        std::any_of(scored.begin(), scored.end(), [](const ScoredAnswers& item) { return item.unusable > 0; });
    summary_.incomplete += incomplete ? 1 : 0;
  }

  ProcessGroup group_ = process_group();
  ArtifactCache cache_;
  std::string command_;
  RunRecords records_;
  nlohmann::ordered_json environment_;
  std::vector<Run> runs_;
  std::map<std::string, KnownPool> pools_;
  std::map<std::string, std::shared_ptr<const RowSet>> row_sets_;
  std::map<std::string, std::string> model_hashes_;
  BenchmarkDigests benchmarks_;
  SweepSummary summary_;
  InterruptGuard on_interrupt_;  // the last: it uses the others
};

}  // namespace

std::string run_label(const RunConfig& config) {
  const auto budget = config.list.empty() ? "budget=" + config.budget.text() : config.list;
  return fmt::format("{} {} seed={}{}{}", config.method_choice.empty() ? config.method : config.method_choice, budget,
                     config.seed, config.regime == Regime::kSteps ? " regime=steps" : "",
                     constraints_text(config.constraints));
}

SweepSummary run_sweep(const std::vector<RunConfig>& configs, const std::vector<std::string>& command_line) {
  const auto& first = configs.front();
  require_writable(fs::path(first.cache) / "meta.json");
  return Sweep(configs, command_line).execute();
}

}  // namespace scalselect::pipeline
