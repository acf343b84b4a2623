#include "experiments/pipeline/plan_runs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "baselines/registry.h"
#include "core/error.h"
#include "core/failure.h"
#include "core/files.h"
#include "experiments/pipeline/plan_question.h"
#include "experiments/pipeline/plan_rate.h"
#include "experiments/pipeline/plan_samples.h"
#include "experiments/pipeline/stages.h"
#include "experiments/plan/pictures.h"
#include "experiments/runs/benchmark_places.h"
#include "selector/feature_kinds.h"
#include "trainer/train.h"
#include "vlm/config.h"
#include "vlm/module_pattern.h"
#include "vlm/probe.h"
#include "vlm/weight_files.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

using plan::Check;
using plan::Stage;
using plan::Work;

/// Widths of features without a model.
class ShapeProbe final : public FeatureProbe {
 public:
  explicit ShapeProbe(const plan::ModelShape& shape) : shape_(shape) {}
  std::int64_t hidden_size() const override { return shape_.decoder.hidden; }
  std::int64_t tower_size() const override { return shape_.tower.hidden; }
  int num_layers() const override { return static_cast<int>(shape_.decoder.layers); }
  void observe(std::span<const Sample>, const SignalRequest&, const SignalSink&) override {}

 private:
  const plan::ModelShape& shape_;
};

std::string counted(std::size_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string choice_of(const RunConfig& run) { return run.method_choice.empty() ? run.method : run.method_choice; }

bool takes_all(const RunConfig& run) {
  return make_method(run.method, run.method_options).budget_use == BudgetUse::kAll;
}

/// What decides which rows a run chooses; runs that agree in it share the selection.
std::string selection_of(const RunConfig& run) {
  const auto method = make_method(run.method, run.method_options);
  nlohmann::json key = {run.method, find_method(run.method).resolve(run.method_options),
                        nlohmann::json(dump_options(run.constraints))};
  if (method.budget_use != BudgetUse::kAll) key.push_back(run.budget.text());
  if (method.uses_seed || run.constraints.text_only == TextOnly::kShare) key.push_back(run.seed);
  return key.dump();
}

std::string training_of(const RunConfig& run) {
  return selection_of(run) + nlohmann::json(dump_options(run.trainer)).dump() + std::to_string(run.seed) +
         (run.regime == Regime::kSteps ? "steps" : "");
}

/// Which linears get branches, as PEFT matches names.
std::function<bool(const std::string&)> targets_of(const trainer::LoraOptions& lora) {
  if (!lora.target_pattern.empty()) {
    const auto pattern = std::make_shared<vlm::ModulePattern>(lora.target_pattern);
    return [pattern](const std::string& name) { return pattern->matches_all(name); };
  }
  return [modules = lora.target_modules](const std::string& name) {
    return std::any_of(modules.begin(), modules.end(),
                       [&](const std::string& module) { return name == module || name.ends_with("." + module); });
  };
}

class Planner {
 public:
  Planner(const std::vector<RunConfig>& configs, const plan::PlanOptions& options,
          const std::map<std::string, double>& published)
      : configs_(configs), first_(configs.front()), options_(options), published_(published), cache_(first_.cache) {}

  plan::Plan make() {
    overview();
    look_at_model();
    look_at_pool();
    look_at_methods();
    look_at_benchmarks();
    look_at_places();
    if (shape_ && rows_ > 0) {
      measure_row();
      features();
      selections();
      if (first_.stop_after > StopAfter::kSelection) trainings();
      if (first_.stop_after > StopAfter::kAdapter) answers();
    }
    if (first_.stop_after > StopAfter::kPredictions)
      plan_.question = plan_question(configs_, options_, published_, benchmarks_);
    return std::move(plan_);
  }

 private:
  void overview() {
    std::set<std::string> methods, budgets, regimes, models;
    std::set<std::int64_t> seeds;
    for (const auto& run : configs_) {
      methods.insert(choice_of(run));
      if (!takes_all(run)) budgets.insert(run.budget.label());
      seeds.insert(run.seed);
      regimes.insert(run.regime == Regime::kSteps ? "steps" : "epochs");
      models.insert(nlohmann::json(dump_options(run.model)).dump() + nlohmann::json(dump_options(run.pool)).dump());
    }
    if (models.size() > 1) {
      throw UserError(ErrorKind::kUsage, "The sweep goes over several models or pools, and a plan is for one.",
                      "Plan each of them by itself.");
    }
    plan_.experiment = first_.name;
    plan_.overview = fmt::format("{}: {}, {}, {}{}", counted(configs_.size(), "run"), counted(methods.size(), "method"),
                                 counted(budgets.size(), "budget"), counted(seeds.size(), "seed"),
                                 regimes.size() > 1 ? ", equal epochs and equal steps" : "");
  }

  void check(Check::State state, const std::string& what, const std::string& text) {
    plan_.checks.push_back({state, what, text});
  }

  /// The check fails with what `body` throws.
  template <class Body>
  void checked(const std::string& what, Body body) {
    try {
      check(Check::State::kOk, what, body());
    } catch (const std::exception& error) {
      check(Check::State::kMissing, what, failure_sentence(error));
    }
  }

  void look_at_model() {
    const auto folder = inputs::find_path(first_.model.path);
    checked("model", [&] {
      shape_ = shape_of_model(folder);
      return fmt::format("{}: {}, {:.2f} B weights in use", folder.string(), shape_->name,
                         static_cast<double>(plan::all_weights(*shape_)) / 1e9);
    });
    if (!shape_) return;
    checked("weights", [&] {
      const vlm::WeightFiles weights(folder);
      const auto names = weights.names();
      for (const auto& name : names) weights.shape(name);  // an index may name shards that are not there
      return counted(names.size(), "tensor");
    });
    checked("prompts", [&] {
      chat_ = open_chat_of(first_.model);
      return fmt::format("tokenizer and layout '{}'", chat_->layout().name);
    });
    checked("pictures", [&] {
      images_ = vlm::ImageProcessor::load(folder, /*pad_to_square=*/false, pixels_of(first_.model));
      return images_->fixed_size() ? std::string("all resized to one size") : std::string("keep their proportions");
    });
  }

  void look_at_pool() {
    checked("pool", [&] {
      if (first_.pool.kind == inputs::PoolOptions::Kind::kMini) {
        rows_ = first_.pool.world.pool_size;
        return fmt::format("the mini world, rendered on first use: {} rows", rows_);
      }
      pool_ = std::make_shared<Pool>(first_.pool.parts());
      rows_ = pool_->size();
      return fmt::format("{}: {} rows", pool_->file().string(), rows_);
    });
    if (pool_) look_at_pictures("pool", *pool_);
    if (options_.rows) {
      if (pool_ && rows_ != *options_.rows)
        check(Check::State::kDoubt, "rows", fmt::format("planned for {}, as plan.rows says", *options_.rows));
      rows_ = *options_.rows;
    }
    if (first_.target) {
      checked("target", [&] {
        if (first_.target->kind == inputs::PoolOptions::Kind::kMini) {
          target_rows_ = first_.target->world.pool_size;
          return fmt::format("a small mini world, rendered on first use: {} rows", target_rows_);
        }
        const Pool target(first_.target->parts());
        target_rows_ = target.size();
        look_at_pictures("target", target);
        return fmt::format("{}: {} rows", target.file().string(), target_rows_);
      });
    }
  }

  void look_at_pictures(const std::string& what, const Pool& pool) {
    if (auto found = plan::picture_check(what, pool)) plan_.checks.push_back(std::move(*found));
  }

  void look_at_methods() {
    if (!shape_) return;
    std::set<std::string> seen;
    std::size_t fine = 0;
    for (const auto& run : configs_) {
      if (!seen.insert(choice_of(run)).second) continue;
      const auto method = make_method(run.method, run.method_options);
      try {
        for (const auto* needs : {&method.needs, &method.target_needs})
          vlm::probe_depth(request_for(*needs), shape_->decoder.layers);
        ++fine;
      } catch (const std::exception& error) {
        check(Check::State::kMissing, "method", choice_of(run) + ": " + failure_sentence(error));
      }
      if (rows_ > 0 && !takes_all(run)) {
        try {
          run.budget.rows(rows_);
        } catch (const std::exception& error) {
          check(Check::State::kMissing, "budget", choice_of(run) + ": " + failure_sentence(error));
        }
      }
    }
    check(Check::State::kOk, "methods", counted(fine, "method") + " whose layers the model has");
  }

  void look_at_benchmarks() {
    if (first_.stop_after <= StopAfter::kAdapter) return;
    const bool rendered = first_.pool.kind == inputs::PoolOptions::Kind::kMini && !first_.eval.root;
    for (const auto& benchmark : first_.eval.benchmarks) {
      auto& planned = benchmarks_.emplace_back(PlannedBenchmark{benchmark, 0, 0, {}, false});
      if (rendered) {
        check(Check::State::kOk, benchmark.name, "will be rendered with the pool");
        continue;
      }
      checked(benchmark.name, [&] {
        const fs::path root = first_.eval.root ? inputs::find_path(*first_.eval.root) : fs::path();
        planned.options = place_benchmarks({benchmark}, root).front();
        read_benchmark(planned, cache_.root() / "images");
        return fmt::format("{}: {} questions", planned.options.path, planned.questions);
      });
      if (!planned.unusable.empty()) check(Check::State::kDoubt, benchmark.name, planned.unusable);
    }
  }

  void look_at_places() {
    for (const auto& [what, file] :
         {std::pair<std::string, fs::path>{"cache", cache_.root() / "meta.json"}, {"store", fs::path(first_.store)}}) {
      checked(what, [&, &file = file] {
        require_writable(file);
        return file.parent_path().empty() ? std::string(".") : fs::absolute(file.parent_path()).string();
      });
    }
    std::error_code failed;
    for (auto up = fs::absolute(cache_.root()); !up.empty(); up = up.parent_path()) {
      if (const auto space = fs::space(up, failed); !failed) {
        plan_.disk_free = static_cast<double>(space.available);
        break;
      }
      if (up == up.root_path()) break;
    }
  }

  void measure_row() {
    SampledRows sampled;
    if (pool_) sampled = sample_rows(*pool_, chat_ ? &*chat_ : nullptr, images_ ? &*images_ : nullptr, *shape_);
    row_ = sampled.row;
    const auto stated = [&](const char* what, const std::optional<double>& given, double& value, double otherwise) {
      if (given) value = *given;
      else if (!pool_) value = otherwise;
      else return;
      plan_.assumptions.push_back(fmt::format("{}: {:g} ({})", what, value, given ? "as stated" : "no pool to count"));
    };
    stated("Text tokens of a row", options_.text_tokens, row_.text, 130);
    stated("Answer tokens of a row", options_.answer_tokens, row_.answers, row_.text / 2);
    if (!pool_) row_.pictures = 1;
    if (options_.visual_tokens) row_.visual = *options_.visual_tokens;
    else if (shape_->tokens_per_image > 0) row_.visual = static_cast<double>(shape_->tokens_per_image);
    else if (row_.visual <= 0) row_.visual = 576;
    for (const auto& doubt : sampled.doubts) plan_.assumptions.push_back(doubt);
    const auto& d = shape_->decoder;
    plan_.sizes.push_back(
        fmt::format("Model: {} decoder layers of width {}, {:.2f} B weights; tower {:.2f} B in {} blocks.", d.layers,
                    d.hidden, static_cast<double>(plan::all_weights(*shape_)) / 1e9,
                    static_cast<double>(plan::tower_weights(shape_->tower)) / 1e9, shape_->tower.blocks));
    plan_.sizes.push_back(
        fmt::format("Pool: {} rows of {:.0f} tokens on average, {:.0f} of text ({:.0f} of answers) and {:.2f} pictures "
                    "of {:.0f}{}.",
                    rows_, row_.tokens(), row_.text, row_.answers, row_.pictures, row_.visual,
                    sampled.rows > 0 ? fmt::format("; {} rows were looked at", sampled.rows) : std::string()));
  }

  bool wide(const std::string& dtype) const { return dtype != "bfloat16"; }

  /// The passes over a pool of `rows` rows, as the sweep groups them.
  void passes(const std::string& place, double rows, bool of_target) {
    struct Pass {
      std::vector<FeatureSpec> specs;
      std::set<std::string> methods;
    };
    std::map<std::string, Pass> passes;
    std::map<std::string, GradientOptions> warm_ups;
    for (const auto& run : configs_) {
      const auto method = make_method(run.method, run.method_options);
      for (const auto& spec : of_target ? method.target_needs : method.needs) {
        auto& pass = passes[pass_of(spec)];
        pass.specs.push_back(spec);
        pass.methods.insert(choice_of(run));
        if (const auto* point = gradient_point(spec)) {
          const auto warm_up = describe_warm_up(point->options);
          if (!warm_up.is_null() && !of_target) warm_ups.emplace(warm_up.dump(), point->options);
        }
      }
    }
    for (const auto& [key, options] : warm_ups) warm_up(options);
    int number = 0;
    for (const auto& [state, pass] : passes) {
      Stage stage;
      const auto* point = gradient_point(pass.specs.front());
      stage.name = fmt::format("features{} {}{}", place,
                               point           ? "gradients"
                               : state.empty() ? "forward"
                                               : state,
                               passes.size() > 1 && point ? fmt::format(" {}", ++number) : "");
      stage.times = 1;
      stage.shared = fmt::format("one pass for {}", fmt::join(pass.methods, ", "));
      stage.samples = rows;
      stage.bf16 = !wide(first_.model.dtype);
      if (point) {
        trainer::LoraOptions lora;
        lora.r = point->options.rank;
        lora.target_pattern = point->options.pattern;
        plan::Trained trained{plan::lora_weights(shape_->decoder, lora.r, targets_of(lora))};
        stage.flop = rows * (plan::training_flop(*shape_, row_, trained) +
                             row_.pictures * plan::tower_flop(shape_->tower, row_.visual));
        stage.tokens = rows * row_.tokens();
        stage.work = Work::kBackward;
      } else {
        const auto request = request_for(pass.specs);
        const auto depth = plan::depth_of(request, shape_->decoder);
        stage.flop = rows * plan::forward_flop(*shape_, row_, request);
        stage.tokens = depth > 0 ? rows * row_.tokens() : 0;
        stage.work = 4 * depth <= shape_->decoder.layers ? Work::kFirstLayers : Work::kForward;
        stage.model = stage.flop > 0;
        if (depth > 0) stage.shared += fmt::format("; {} of {} decoder layers", depth, shape_->decoder.layers);
      }
      stage.disk = rows * table_bytes(pass.specs);
      plan_.stages.push_back(stage);
    }
  }

  double table_bytes(const std::vector<FeatureSpec>& specs) const {
    const ShapeProbe probe(*shape_);
    std::set<std::string> counted;
    double bytes = 0;
    for (const auto& spec : specs) {
      if (!counted.insert(describe_feature(spec).dump()).second) continue;
      const auto width = gradient_point(spec) ? gradient_width(spec) : feature_width(spec, probe);
      const auto precision = stored_precision(spec, first_.model.feature_dtype);
      bytes += static_cast<double>(width) * (precision == StorePrecision::kFloat32 ? 4 : 2);
    }
    return bytes;
  }

  void warm_up(const GradientOptions& options) {
    trainer::LoraOptions lora;
    lora.r = options.rank;
    lora.target_pattern = options.pattern;
    const bool rest = options.warm_up.train_rest;
    const plan::Trained trained{plan::lora_weights(shape_->decoder, lora.r, targets_of(lora)), rest, rest, rest};
    Stage stage;
    stage.name = "warm-up";
    stage.times = 1;
    stage.samples = std::ceil(options.warm_up.share * static_cast<double>(rows_)) * options.warm_up.epochs;
    stage.tokens = stage.samples * row_.tokens();
    stage.flop = stage.samples * (plan::training_flop(*shape_, row_, trained) +
                                  row_.pictures * plan::tower_flop(shape_->tower, row_.visual));
    stage.work = Work::kTraining;  // in float32, whatever model.dtype
    stage.disk = options.warm_up.epochs * 12.0 * static_cast<double>(plan::trained_weights(*shape_, trained));
    plan_.stages.push_back(stage);
  }

  void features() {
    passes("", static_cast<double>(rows_), false);
    if (target_rows_ > 0) passes(" of target", static_cast<double>(target_rows_), true);
  }

  void selections() {
    std::set<std::string> distinct;
    double kept = 0;
    for (const auto& run : configs_) {
      if (!distinct.insert(selection_of(run)).second) continue;
      kept += static_cast<double>(rows_of(run));
    }
    Stage stage;
    stage.name = "scores and selections";
    stage.times = static_cast<std::int64_t>(distinct.size());
    stage.shared = fmt::format("{} runs, on the CPU", configs_.size());
    stage.samples = kept;
    stage.model = false;
    stage.disk = kept * 8 + static_cast<double>(distinct.size()) * 8 * static_cast<double>(rows_) +
                 kept * 3 * row_.text;  // rows, scores, and subset.json at some three bytes a token
    plan_.stages.push_back(stage);
  }

  std::int64_t rows_of(const RunConfig& run) const {
    try {
      return takes_all(run) ? rows_ : run.budget.rows(rows_);
    } catch (const UserError&) {
      return 0;  // more than there is: a failed check says so
    }
  }

  plan::Trained trained_of(const trainer::TrainOptions& options) const {
    return {options.lora.r > 0 ? plan::lora_weights(shape_->decoder, options.lora.r, targets_of(options.lora)) : 0,
            options.train_projector, options.train_embeddings, options.train_head};
  }

  static plan::TrainingWay way_of(const trainer::TrainOptions& options) {
    return {options.dtype == trainer::ComputeType::kBFloat16, options.gradient_checkpointing,
            options.quantization == trainer::Quantization::kNf4};
  }

  void trainings() {
    std::set<std::string> distinct;
    std::map<std::string, Stage> by_method;
    std::vector<std::string> order;
    double adapter = 0;
    for (const auto& run : configs_) {
      if (!distinct.insert(training_of(run)).second) continue;
      const auto& options = run.trainer;
      const auto trained = trained_of(options);
      auto timed = options;
      if (run.regime == Regime::kSteps && !timed.max_steps) timed.max_steps = trainer::total_steps(options, rows_);
      const auto rows = rows_of(run);
      const auto steps = static_cast<double>(trainer::total_steps(timed, rows));
      const double seen = timed.max_steps ? steps * options.batch_size * options.accumulation
                                          : options.epochs * static_cast<double>(rows);
      const std::string name = takes_all(run) ? "training " + choice_of(run) : "training on subsets";
      if (!by_method.contains(name)) order.push_back(name);
      auto& stage = by_method[name];
      stage.name = name;
      ++stage.times;
      stage.samples += seen;
      stage.tokens += seen * row_.tokens();
      const double pictures = row_.pictures * static_cast<double>(rows);
      const bool cached =
          pictures * row_.visual * feature_bytes() <= static_cast<double>(options.feature_cache_mb) * 1048576;
      stage.flop +=
          seen * plan::training_flop(*shape_, row_, trained, way_of(options)) +
          (cached ? pictures : pictures + seen * row_.pictures) * plan::tower_flop(shape_->tower, row_.visual);
      stage.work = Work::kTraining;
      stage.bf16 = options.dtype == trainer::ComputeType::kBFloat16;
      adapter = 4 * static_cast<double>(plan::trained_weights(*shape_, trained));
      stage.disk += adapter;
    }
    for (const auto& name : order) plan_.stages.push_back(by_method.at(name));
    if (!plan_.stages.empty()) {
      plan_.stages.back().shared = fmt::format(
          "{} runs; methods that choose the same rows share one, which is not known "
          "before",
          configs_.size());
    }
    const int batch = (first_.trainer.batch_size + first_.trainer.shards - 1) / first_.trainer.shards;
    const auto memory = plan::training_memory(*shape_, row_, trained_of(first_.trainer), batch, way_of(first_.trainer));
    plan_.memory.emplace_back(
        fmt::format(
            "training, batches of {}: weights {:.1f}, optimiser {:.1f}, kept for the backward pass about {:.1f} GB",
            batch, memory.weights / 1e9, memory.optimiser / 1e9, memory.activations / 1e9),
        memory.all());
    trainings_ = static_cast<double>(distinct.size());
    double tokens = 0;
    for (const auto& name : order) tokens += by_method.at(name).tokens;
    if (const auto rate = measured_training(first_.store, first_.model.path)) {
      plan_.measured.push_back(
          fmt::format("measured: {} of this model in the store ran at {:.0f} tokens/s, start included; at that rate "
                      "these take {:.1f} hours",
                      counted(static_cast<std::size_t>(rate->trainings), "training"), rate->tokens_per_second(),
                      tokens / rate->tokens_per_second() / 3600));
    }
  }

  /// Of a cached picture's features, per visual token, float32.
  double feature_bytes() const {
    return 4.0 * static_cast<double>(shape_->tower.hidden * shape_->tower.patches_per_token);
  }

  void answers() {
    double questions = 0;
    for (const auto& benchmark : benchmarks_) {
      const auto usual = usual_questions(benchmark.options);
      if (!benchmark.read && usual > 0) {
        plan_.assumptions.push_back(
            fmt::format("{}: {} questions, as the known release has.", benchmark.options.name, usual));
      }
      questions += static_cast<double>(benchmark.read ? benchmark.questions : usual);
    }
    Stage stage;
    stage.name = "answers";
    stage.times = static_cast<std::int64_t>(trainings_) * static_cast<std::int64_t>(benchmarks_.size());
    stage.samples = trainings_ * questions;
    constexpr double kQuestion = 60;  // tokens of text
    const plan::RowShape prompt{kQuestion, 0, 1, row_.visual};
    stage.tokens = stage.samples * (prompt.tokens() + options_.new_tokens);
    stage.flop = stage.samples * plan::answer_flop(*shape_, prompt, options_.new_tokens);
    const double batch = std::max(1, first_.eval.batch_size);
    stage.bytes =
        stage.samples / batch * options_.new_tokens * plan::bytes_per_token(*shape_, wide(first_.model.dtype) ? 4 : 2);
    stage.work = Work::kAnswering;
    stage.bf16 = !wide(first_.model.dtype);
    constexpr double kRecord = 700;  // bytes of a stored answer with its prompt
    stage.disk = stage.samples * kRecord;
    plan_.stages.push_back(stage);
    plan_.assumptions.push_back(
        fmt::format("A benchmark's prompt has {:.0f} tokens of text, an answer {:g} tokens; a picture that questions "
                    "share is looked at "
                    "for each.",
                    kQuestion, options_.new_tokens));
    plan_.memory.emplace_back("answering, weights alone",
                              (wide(first_.model.dtype) ? 4.0 : 2.0) * static_cast<double>(plan::all_weights(*shape_)));
  }

  const std::vector<RunConfig>& configs_;
  const RunConfig& first_;
  const plan::PlanOptions& options_;
  const std::map<std::string, double>& published_;
  ArtifactCache cache_;
  plan::Plan plan_;
  std::optional<plan::ModelShape> shape_;
  std::optional<vlm::ChatTemplate> chat_;
  std::optional<vlm::ImageProcessor> images_;
  std::shared_ptr<const Pool> pool_;
  std::vector<PlannedBenchmark> benchmarks_;
  std::int64_t rows_ = 0, target_rows_ = 0;
  double trainings_ = 0;
  plan::RowShape row_;
};

}  // namespace

plan::Plan plan_runs(const std::vector<RunConfig>& configs, const plan::PlanOptions& options,
                     const std::map<std::string, double>& published) {
  return Planner(configs, options, published).make();
}

}  // namespace scalselect::pipeline
