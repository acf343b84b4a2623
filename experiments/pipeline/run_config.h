// One run's configuration as typed structs. YAML and JSON trees end here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"
#include "eval/benchmark.h"
#include "eval/bootstrap.h"
#include "experiments/config/compose.h"
#include "experiments/inputs/machine.h"
#include "experiments/inputs/pool.h"
#include "experiments/launchers/launcher.h"
#include "selector/budget.h"
#include "selector/constraints.h"
#include "selector/features.h"
#include "trainer/options.h"

namespace scalselect::vlm {
struct PixelLimits;
}

namespace scalselect::pipeline {

struct ModelOptions {
  std::string path;
  std::string dtype = "float32";
  std::string chat_template = "auto";
  StorePrecision feature_dtype = StorePrecision::kFloat32;
  std::optional<std::int64_t> min_pixels, max_pixels;

  template <class Visitor>
  static void describe(Visitor& v, ModelOptions& o) {
    v.field("path", o.path, "Hugging Face model folder");
    v.field("dtype", o.dtype, "weights of the forward passes: float32, bfloat16 or float16");
    v.choice(
        "feature_dtype", o.feature_dtype,
        {{"float32", StorePrecision::kFloat32},
         {"float16", StorePrecision::kFloat16},
         {"bfloat16", StorePrecision::kBfloat16}},
        "vectors on disk; float16 takes half the space, and a sample with a value beyond 65504 is rejected by name");
    v.field("chat_template", o.chat_template,
            "prompts: auto (the folder's own template), a built-in layout's name, or a file of Jinja");
    v.field("min_pixels", o.min_pixels,
            "Qwen-VL: smallest area of an image, null: the folder's; other models have one fixed size", Range{1, 1e9});
    v.field("max_pixels", o.max_pixels, "Qwen-VL: largest area of an image, null: the folder's", Range{1, 1e9});
  }
};

vlm::PixelLimits pixels_of(const ModelOptions& model);

/// `params` of a stage key with the image bounds of `model`, if its images have no fixed size, and with its prompts
/// where they are not the usual ones.
nlohmann::json with_model_options(nlohmann::json params, const ModelOptions& model);

struct EvalOptions {
  std::optional<std::string> root;  ///< folder that relative benchmark paths start from; null: the mini world's
  std::vector<eval::BenchmarkOptions> benchmarks;
  int max_new_tokens = 24;
  int batch_size = 64;
  eval::BootstrapOptions bootstrap;

  template <class Visitor>
  static void describe(Visitor& v, EvalOptions& o) {
    v.field("root", o.root, "folder of the benchmarks; null: those of the mini world");
    v.field("benchmarks", o.benchmarks, "what to evaluate");
    v.field("max_new_tokens", o.max_new_tokens, "length limit of an answer", Range{1, 1e6});
    v.field("batch_size", o.batch_size, "questions answered together; never changes an answer", Range{1, 1e6});
    v.field("bootstrap", o.bootstrap, "confidence intervals");
  }
};

/// How long subsets are trained: for the trainer's epochs (the paper's regime), or for as many steps as the whole pool
/// takes at those epochs (the control that separates data from compute).
enum class Regime { kEpochs, kSteps };

enum class StopAfter { kFeatures, kSelection, kAdapter, kPredictions, kMetrics };

/// A run's keys other than its groups and its budget.
struct RunSettings {
  std::string name;
  std::int64_t seed = 1;
  Regime regime = Regime::kEpochs;
  ConstraintOptions constraints;
  inputs::Machine machine;
  std::optional<int> parallel;
  std::string cache, store;
  std::optional<std::string> report;  ///< unset: report::default_folder of the name
  StopAfter stop_after = StopAfter::kMetrics;

  template <class Visitor>
  static void describe(Visitor& v, RunSettings& o) {
    v.field("name", o.name, "experiment under which the store keeps the runs");
    v.field("seed", o.seed, "of the training, and of methods that draw", Range{0, 9e15});
    v.choice("regime", o.regime, {{"epochs", Regime::kEpochs}, {"steps", Regime::kSteps}},
             "how long subsets are trained: the trainer's epochs, or as many steps as the whole pool takes");
    ConstraintOptions::describe(v, o.constraints);
    inputs::Machine::describe(v, o.machine);
    v.field("parallel", o.parallel, "trainings side by side; null: as many as threads, on a GPU one", Range{1, 4096});
    v.field("cache", o.cache, "folder of what every stage computed, by content");
    v.field("store", o.store, "SQLite file of the runs and their results");
    v.field("report", o.report, "folder of the tables, plots and the page; null: results/local/report/NAME");
    v.choice("stop_after", o.stop_after,
             {{"features", StopAfter::kFeatures},
              {"selection", StopAfter::kSelection},
              {"adapter", StopAfter::kAdapter},
              {"predictions", StopAfter::kPredictions},
              {"metrics", StopAfter::kMetrics}},
             "the last stage");
  }
};

struct RunConfig : RunSettings {
  ModelOptions model;
  inputs::PoolOptions pool;
  std::optional<inputs::PoolOptions> target;
  std::string method;             ///< registry name
  nlohmann::json method_options;  ///< bound by the registry's factory
  trainer::TrainOptions trainer;
  EvalOptions eval;
  Budget budget;
  launchers::LauncherOptions launcher;

  // What the run was made of, for labels and records.
  std::string method_choice;  ///< option name of the group: "perplexity_high"
  std::string list;           ///< name of the list that the method takes whole, whatever the budget; empty: none
  nlohmann::ordered_json choices, resolved;
  std::vector<std::string> overrides;
  std::string config_hash;  ///< of `resolved` without places, threads and names
};

/// Types, ranges and unknown keys are checked here, before anything runs. Throws UserError(kUsage) naming key, value,
/// expected type and the file and line it came from.
RunConfig bind_run(const config::ComposedConfig& composed);

}  // namespace scalselect::pipeline
