// Opening what a run reads: configuration values, the pool, the model folder.
#include <fmt/format.h>

#include <algorithm>

#include "baselines/registry.h"
#include "core/error.h"
#include "core/file_digests.h"
#include "core/hash.h"
#include "core/log.h"
#include "experiments/pipeline/stages.h"
#include "experiments/resources.h"
#include "vlm/image_processor.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

constexpr int kWorldVersion = 1;

constexpr char kFullPool[] = "full";

/// Keys that say where and how fast, not what.
constexpr const char* kVolatile[] = {"cache",    "store", "report",     "threads",   "device",
                                     "parallel", "name",  "experiment", "stop_after"};

std::string choice_of(const config::ComposedConfig& composed, const std::string& group) {
  for (const auto& [name, option] : composed.choices) {
    if (name == group) return option;
  }
  return {};
}

}  // namespace

fs::path find_path(const std::string& path) {
  if (path.empty() || fs::exists(path)) return path;
  const fs::path inside = resource_folder() / path;
  return fs::exists(inside) ? inside : fs::path(path);
}

vlm::PixelBounds pixels_of(const ModelOptions& model) { return {model.min_pixels, model.max_pixels}; }

nlohmann::json with_pixels(nlohmann::json params, const ModelOptions& model) {
  const ModelOptions usual;
  if (model.min_pixels == usual.min_pixels && model.max_pixels == usual.max_pixels) return params;
  params["pixels"] = {model.min_pixels, model.max_pixels};
  return params;
}

Budget budget_from(const nlohmann::json& value) {
  if (value.is_number_integer() || value.is_number_float()) return parse_budget(value.dump());
  if (value.is_string()) return parse_budget(value.get<std::string>());
  throw UserError(ErrorKind::kUsage,
                  fmt::format("'budget' is {}, but must be a share like 0.16 or a number of samples.", value.dump()));
}

std::optional<PoolOptions> target_from(const nlohmann::json& tree, const KeyOrigin& origin) {
  const bool on_disk = tree.is_object() && tree.value("kind", nlohmann::json("file")) == "file";
  if (tree.is_null() || (on_disk && tree.value("path", nlohmann::json()).is_null())) return {};
  return bind_options<PoolOptions>(tree, "target", origin);
}

void check_target(const SelectionMethod& method, const std::string& name, bool given) {
  if (given || !method.requires_target()) return;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("Method '{}' chooses samples for a target, and no target is given.", name),
                  "Give a pool of target samples: target.path=POOL.json, or target=mini.");
}

RunConfig bind_run(const config::ComposedConfig& composed) {
  config::require_complete(composed);
  nlohmann::json tree = composed.json();
  const auto origin = composed.origin();
  const auto take = [&](const char* key) {
    auto value = tree.value(key, nlohmann::json());
    tree.erase(key);
    return value;
  };
  RunConfig run;
  run.resolved = nlohmann::ordered_json(tree);
  for (const auto& [group, option] : composed.choices) run.choices[group] = option;
  run.overrides = composed.task_overrides;
  run.method_choice = choice_of(composed, "method");

  run.model = bind_options<ModelOptions>(take("model"), "model", origin);
  run.pool = bind_options<PoolOptions>(take("pool"), "pool", origin);
  run.target = target_from(take("target"), origin);
  run.trainer = bind_options<trainer::TrainOptions>(take("trainer"), "trainer", origin);
  run.eval = bind_options<EvalOptions>(take("eval"), "eval", origin);
  run.method_options = take("method");
  if (!run.method_options.is_object() || !run.method_options.value("name", nlohmann::json()).is_string()) {
    throw UserError(ErrorKind::kUsage, "'method.name' is missing.", "Choose a method with method=NAME.");
  }
  run.method = run.method_options["name"];
  run.method_options.erase("name");
  // Refuses what the method does not know.
  const auto method = make_method(run.method, run.method_options, "method", origin);
  check_target(*method, run.method, run.target.has_value());
  run.budget = budget_from(take("budget"));
  if (run.method == kFullPool) run.budget = {1.0, 0};
  take("selector");  // read by interpolation from the methods

  struct Rest {
    std::string name, cache, store, report;
    std::int64_t seed = 1;
    Machine machine;
    std::optional<int> parallel;
    Regime regime = Regime::kEpochs;
    StopAfter stop_after = StopAfter::kMetrics;
    static void describe(OptionBinder& v, Rest& o) {
      v.field("name", o.name, "");
      v.field("cache", o.cache, "");
      v.field("store", o.store, "");
      v.field("report", o.report, "");
      v.field("seed", o.seed, "", Range{0, 9e15});
      Machine::describe(v, o.machine);
      v.field("parallel", o.parallel, "", Range{1, 4096});
      v.choice("regime", o.regime, {{"epochs", Regime::kEpochs}, {"steps", Regime::kSteps}}, "");
      v.choice("stop_after", o.stop_after,
               {{"features", StopAfter::kFeatures},
                {"selection", StopAfter::kSelection},
                {"adapter", StopAfter::kAdapter},
                {"predictions", StopAfter::kPredictions},
                {"metrics", StopAfter::kMetrics}},
               "");
    }
  };
  const Rest rest = bind_options<Rest>(tree, "", origin);
  run.name = rest.name;
  run.cache = rest.cache;
  run.store = rest.store;
  run.report = rest.report;
  run.seed = rest.seed;
  run.regime = rest.regime;
  run.machine = rest.machine;
  run.parallel = rest.parallel;
  run.stop_after = rest.stop_after;

  auto identity = run.resolved;
  for (const char* key : kVolatile) identity.erase(key);
  run.config_hash = sha256_json(nlohmann::json(identity));
  return run;
}

OpenPool open_pool(const PoolOptions& options, const ArtifactCache& cache) {
  OpenPool open;
  if (options.kind == PoolOptions::Kind::kMini) {
    StageKey key{"world", kWorldVersion, nlohmann::json::object(), nlohmann::json(dump_options(options.world))};
    auto folder = cache.find(key);
    if (!folder) {
      auto work = cache.begin(key);
      folder = cache.find(key);
      if (!folder) {
        log_info("rendering the mini world (pool and benchmarks)");
        mini::write_mini_world(work.folder(), options.world);
        folder = work.commit();
      }
    }
    open.path = *folder / "pool.json";
    open.benchmarks = *folder / "benchmarks";
    open.image_root = *folder / "images";
  } else {
    open.path = find_path(options.path);
    if (options.image_root) open.image_root = *options.image_root;
  }
  open.pool = std::make_shared<Pool>(open.path, open.image_root);
  open.digest = open.pool->digest();
  return open;
}

std::string model_digest(const fs::path& folder, const ArtifactCache& cache) {
  if (!fs::is_directory(folder)) {
    throw UserError(
        ErrorKind::kInput, fmt::format("There is no model folder '{}'.", folder.string()),
        "Give the path of a Hugging Face folder (config.json, *.safetensors, tokenizer.json) as model.path.");
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto extension = entry.path().extension();
    if (entry.is_regular_file() && (extension == ".json" || extension == ".safetensors" || extension == ".model"))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  const FileDigests digests(cache.root() / "digests");
  Sha256 hash;
  for (const auto& file : files) {
    // Probe values are a record about the checkpoint, not a part of it.
    if (file.filename() != "probes.json")
      hash.update(file.filename().string()).update("\n").update(digests.sha256(file));
  }
  return hash.finish();
}

}  // namespace scalselect::pipeline
