// eval answer: a model folder's answers to benchmarks, scored and kept in the store.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "core/failure.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/process_group.h"
#include "eval/registry.h"
#include "experiments/app/bound_command.h"
#include "experiments/app/eval_command.h"
#include "experiments/app/eval_table.h"
#include "experiments/app/followers.h"
#include "experiments/pipeline/environment.h"
#include "experiments/pipeline/evaluate.h"
#include "experiments/pipeline/stages.h"
#include "experiments/report/text.h"
#include "experiments/runs/benchmark_places.h"
#include "experiments/runs/evaluation.h"
#include "experiments/runs/keys.h"
#include "experiments/runs/run_records.h"
#include "experiments/runs/warnings.h"
#include "experiments/schema/command_options.h"

namespace scalselect::app {
namespace {
namespace fs = std::filesystem;

using pipeline::EvalOptions;
using pipeline::ModelOptions;
using pipeline::ScoredAnswers;
using schema::EvalCommandOptions;

/// The benchmarks of `all` that `only` names; all of them if it names none.
std::vector<eval::BenchmarkOptions> chosen(const std::vector<eval::BenchmarkOptions>& all, const Words& only) {
  if (only.empty()) return all;
  Words names;
  for (const auto& benchmark : all) names.push_back(benchmark.name.empty() ? benchmark.kind : benchmark.name);
  for (const auto& name : only) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    throw UserError(
        ErrorKind::kUsage,
        fmt::format("only=[…] names '{}', which the group does not have.{}", name, did_you_mean(name, names)),
        fmt::format("It has {}.", fmt::join(names, ", ")));
  }
  std::vector<eval::BenchmarkOptions> some;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::find(only.begin(), only.end(), names[i]) != only.end()) some.push_back(all[i]);
  }
  return some;
}

/// `benchmark` with what the command line says of all. A matcher is taken where the benchmark knows it.
eval::BenchmarkOptions adjusted(const eval::BenchmarkOptions& benchmark, const EvalCommandOptions& asked) {
  auto tree = nlohmann::json(dump_options(benchmark));
  if (asked.style) tree["style"] = *asked.style;
  if (asked.limit) tree["limit"] = *asked.limit;
  if (asked.matcher) {
    tree["matcher"] = *asked.matcher;
    bind_options<eval::BenchmarkOptions>(tree, "");  // refuses a name that no benchmark knows
    const auto known = eval::matchers_of(benchmark);
    if (*asked.matcher != "default" && std::find(known.begin(), known.end(), *asked.matcher) == known.end()) {
      tree["matcher"] = dump_options(benchmark)["matcher"];
      log_info("{} has no matcher '{}' and keeps '{}'", benchmark.name, *asked.matcher,
               tree["matcher"].get<std::string>());
    }
  }
  return bind_options<eval::BenchmarkOptions>(tree, "");
}

/// The command as it is composed, checked, with everything in its place.
struct Asked {
  EvalCommandOptions own;
  ModelOptions model;
  EvalOptions eval;
  fs::path folder, adapter;  ///< adapter: empty for none
  pipeline::EvaluationRecord record;
};

std::string run_name(const Asked& asked, const config::ComposedConfig& composed) {
  const auto leaf = [](const fs::path& path) {
    const auto plain = fs::absolute(path).lexically_normal();
    return (plain.has_filename() ? plain : plain.parent_path()).filename().string();
  };
  std::string name = leaf(asked.folder);
  if (!asked.adapter.empty()) name += " + " + leaf(asked.adapter);
  for (const auto& [group, option] : composed.choices) {
    if (group == "eval") name += " eval=" + option;
  }
  if (!asked.own.only.empty()) name += fmt::format(" only={}", fmt::join(asked.own.only, ","));
  if (asked.own.style) name += " style=" + *asked.own.style;
  if (asked.own.matcher) name += " matcher=" + *asked.own.matcher;
  if (asked.own.limit) name += fmt::format(" limit={}", *asked.own.limit);
  return name;
}

Asked understand(const Flags& flags, const Words& words) {
  const auto composed = config::compose(request_for(flags, "eval"));
  auto bound = bind_composed(composed);
  Asked asked;
  asked.model = bound.take<ModelOptions>("model");
  asked.eval = bound.take<EvalOptions>("eval");
  asked.own = bind_options<EvalCommandOptions>(bound.tree, "", bound.origin);
  asked.own.machine.use();
  if (!asked.eval.root) {
    throw UserError(ErrorKind::kUsage, "eval.root is null: nothing says where the benchmarks lie.",
                    "Give the folder that holds them; `scalselect mini world out=DIR` writes the mini world's to "
                    "DIR/benchmarks.");
  }
  const auto root = inputs::find_path(*asked.eval.root);
  if (!fs::is_directory(root)) {
    throw UserError(ErrorKind::kInput, fmt::format("eval.root: there is no folder '{}'.", root.string()),
                    "It must hold the benchmarks' files.");
  }
  auto benchmarks = chosen(asked.eval.benchmarks, asked.own.only);
  for (auto& benchmark : benchmarks) benchmark = adjusted(benchmark, asked.own);
  if (benchmarks.empty())
    throw UserError(ErrorKind::kUsage, "eval.benchmarks is empty.", "Choose a group: eval=paper.");
  asked.eval.benchmarks = pipeline::place_benchmarks(std::move(benchmarks), root);
  asked.folder = inputs::find_path(asked.model.path);
  asked.adapter = asked.own.adapter.value_or("");
  if (asked.own.out) require_writable(fs::path(*asked.own.out) / "table.json");
  require_writable(fs::path(asked.own.cache) / "meta.json");

  Words command = {"scalselect", "eval"};
  command.insert(command.end(), words.begin(), words.end());
  asked.record.experiment = asked.own.name;
  asked.record.name = run_name(asked, composed);
  asked.record.config = composed.json_without_environment();
  for (const auto& [group, option] : composed.choices) asked.record.choices[group] = option;
  asked.record.overrides = composed.task_overrides;
  asked.record.provenance = pipeline::describe_environment(command);
  return asked;
}

/// SHA-256 over what is read of a PEFT folder.
std::string adapter_digest(const fs::path& folder, const FileDigests& digests) {
  Sha256 hash;
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"}) {
    if (fs::exists(folder / name)) hash.update(name).update("\n").update(digests.sha256(folder / name));
  }
  return hash.finish();
}

class Evaluation {
 public:
  explicit Evaluation(Asked asked)
      : asked_(std::move(asked)),
        cache_(asked_.own.cache),
        digests_(cache_.root() / "digests"),
        benchmarks_(cache_.root() / "images", digests_),
        generator_(asked_.folder, asked_.adapter, asked_.model) {}

  /// Keys of all answers: reads every benchmark, and the model's bytes.
  void plan() {
    pipeline::Warnings collected;
    // First: what a benchmark lacks is known in seconds, the digest of a large model takes minutes.
    for (const auto& benchmark : asked_.eval.benchmarks) benchmarks_.inputs(benchmark);
    model_hash_ = inputs::model_digest(asked_.folder, cache_);
    nlohmann::json identity = {{"model", model_hash_}};
    if (!asked_.adapter.empty()) identity["adapter"] = adapter_digest(asked_.adapter, digests_);
    const auto params = pipeline::with_model_options({{"dtype", asked_.model.dtype}}, asked_.model);
    for (const auto& benchmark : asked_.eval.benchmarks) {
      auto inputs = benchmarks_.inputs(benchmark);
      inputs.update(identity);
      keys_.push_back(pipeline::predictions_key(benchmark, asked_.eval, std::move(inputs), params));
    }
    warnings_ = collected.take();
  }

  /// Answers what no other process of the group is at.
  void help() {
    const InterruptGuard guard([&](int signal) { pipeline::report_interrupt(signal, cache_); });
    for (auto& pass : passes()) pass->take_free();
  }

  /// Answers what the cache lacks, scores everything and records it.
  std::vector<ScoredAnswers> run() {
    pipeline::RunRecords records(asked_.own.store);
    if (const int stale = records.store().mark_stale_runs(); stale > 0)
      log_warning("{} earlier runs ended without recording how; marked stale", stale);
    Sha256 content;
    for (const auto& key : keys_) content.update(key.digest()).update("\n");
    run_id_ = records.start(evaluation_start(asked_.record, asked_.eval.benchmarks, content.finish()));
    const InterruptGuard guard([&](int signal) {
      pipeline::report_interrupt(signal, cache_);
      records.interrupt(fmt::format("Interrupted by {}; the same command continues.", signal_name(signal)));
    });
    std::vector<ScoredAnswers> scored;
    try {
      std::vector<std::string> warnings;
      {
        pipeline::Warnings collected;
        records.store().log_input(run_id_, "model", asked_.folder.string(), model_hash_, 0);
        answer(records.store());
        for (std::size_t i = 0; i < keys_.size(); ++i) scored.push_back(score(i));
        log_scores(records.store(), run_id_, scored);
        warnings = collected.take();
      }
      pipeline::add_warnings(warnings_, warnings);
      for (const auto& item : scored) {
        if (item.unusable > 0)
          pipeline::add_warnings(warnings_, {fmt::format("incomplete: {} questions of {} could not be asked",
                                                         item.unusable, item.options.display)});
      }
    } catch (const std::exception& error) {
      records.end(run_id_, "failed", failure_sentence(error), warnings_);
      throw;
    }
    records.end(run_id_, "finished", {}, warnings_);
    return scored;
  }

  /// What `run` would answer, a line per benchmark.
  std::string rehearsal() {
    std::string text;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const auto& benchmark = asked_.eval.benchmarks[i];
      const auto questions = benchmarks_.questions(benchmark);
      const auto done = cache_.find(keys_[i]) ? questions : pipeline::answered_before(cache_, keys_[i]);
      text += fmt::format("{}: {} questions, {} answered already ({})\n", benchmark.display, questions, done,
                          benchmark.path);
    }
    return text + "Nothing was run.\n";
  }

  const std::string& run_id() const { return run_id_; }
  fs::path folder(std::size_t index) const { return cache_.folder(keys_[index]); }

 private:
  std::vector<std::unique_ptr<pipeline::PredictionPass>> passes(Progress* progress = nullptr) {
    std::vector<std::unique_ptr<pipeline::PredictionPass>> all;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      all.push_back(std::make_unique<pipeline::PredictionPass>(cache_, keys_[i], asked_.eval.benchmarks[i], asked_.eval,
                                                               generator_, progress));
    }
    return all;
  }

  void answer(Store& store) {
    std::int64_t total = 0, done = 0;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (cache_.find(keys_[i])) continue;
      total += benchmarks_.questions(asked_.eval.benchmarks[i]);
      done += pipeline::answered_before(cache_, keys_[i]);
    }
    if (total > 0) {
      log_info("answering {} questions{} of {} benchmarks with '{}'", total,
               done > 0 ? fmt::format(" ({} are answered already)", done) : "", keys_.size(), asked_.folder.string());
    }
    std::optional<Progress> progress;
    if (total > 0) progress.emplace("answering", "questions", total, done);
    bool computed = false;
    const auto all = passes(progress ? &*progress : nullptr);
    if (process_group().size > 1) {  // the last questions of a benchmark do not keep a process from the next one
      for (const auto& pass : all) pass->take_free();
    }
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const auto& benchmark = asked_.eval.benchmarks[i];
      const pipeline::Meter meter;
      if (progress) progress->note(benchmark.display);
      const auto [folder, cached] = all[i]->complete();
      if (!cached && !std::exchange(computed, true)) store.set_provenance(run_id_, asked_.record.provenance);
      const auto stage = "predictions/" + benchmark.name;
      store.log_stage(run_id_,
                      {stage, keys_[i].digest(), cached, meter.wall_s(), meter.cpu_s(), pipeline::Meter::peak_rss()});
      store.log_artifact(run_id_, {stage, fs::absolute(folder).string(), keys_[i].digest(), 0});
      store.log_input(run_id_, "benchmark/" + benchmark.name, benchmark.path,
                      benchmarks_.inputs(benchmark).at("benchmark"), benchmarks_.questions(benchmark));
    }
  }

  ScoredAnswers score(std::size_t index) const {
    return pipeline::score_answers(asked_.eval.benchmarks[index], folder(index));
  }

  Asked asked_;
  ArtifactCache cache_;
  FileDigests digests_;
  pipeline::BenchmarkDigests benchmarks_;
  pipeline::LazyGenerator generator_;
  std::string model_hash_, run_id_;
  std::vector<StageKey> keys_;
  std::vector<std::string> warnings_;
};

/// OUT/BENCHMARK/predictions.jsonl, scores.jsonl and unusable.jsonl, and OUT/table.json.
void write_out(const fs::path& out, const Evaluation& evaluation, std::span<const ScoredAnswers> scored,
               const nlohmann::ordered_json& table) {
  for (std::size_t i = 0; i < scored.size(); ++i) {
    const auto place = out / report::file_name(scored[i].options.name);
    ensure_folder(place);
    for (const char* name : {"predictions.jsonl", pipeline::kUnusableFile}) {
      const auto source = evaluation.folder(i) / name;
      if (fs::exists(source)) write_file_atomically(place / name, read_file(source, kDataBytes));
      else fs::remove(place / name);
    }
    eval::write_scores(scored[i].rescored, place / "scores.jsonl");
  }
  write_file_atomically(out / "table.json",
                        table.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace

int eval_answer(const Words& words) {
  const Flags flags = parse_flags(words);
  if (const int code = answer_questions(flags, request_for(flags, "eval"), kEvalAnswerUsage); code >= 0) return code;
  const auto asked = understand(flags, words);
  Evaluation evaluation(asked);
  evaluation.plan();
  if (flags.dry_run) {
    fmt::print("{}", evaluation.rehearsal());
    return 0;
  }
  if (!process_group().leads()) {
    evaluation.help();
    return leave();
  }
  const auto scored = evaluation.run();

  nlohmann::ordered_json table;
  if (asked.own.out || asked.own.format == schema::TableFormat::kJson) {
    table = {{"run", evaluation.run_id()}, {"name", asked.record.name}, {"max_new_tokens", asked.eval.max_new_tokens}};
    table.update(eval_json(scored, asked.eval.bootstrap));
  }
  if (asked.own.out) write_out(*asked.own.out, evaluation, scored, table);
  if (asked.own.format == schema::TableFormat::kJson) {
    fmt::print("{}\n", table.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    const auto grid = eval_grid(scored, asked.eval.bootstrap, asked.eval.max_new_tokens);
    const bool text = asked.own.format == schema::TableFormat::kText;
    fmt::print("{}", text ? report::grid_text(grid) : report::grid_markdown(grid));
    if (text) fmt::print("run {} ({}) in {}\n", evaluation.run_id(), asked.record.name, asked.own.store);
  }
  return is_complete(scored) ? 0 : kIncompleteExit;
}

}  // namespace scalselect::app
