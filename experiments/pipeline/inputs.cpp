// Opening what a run reads: configuration values, the pool, the model folder.
#include <fmt/format.h>

#include <algorithm>
#include <set>

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

/// Keys that say where and how fast, not what.
constexpr const char* kVolatile[] = {"cache",    "store",    "report", "threads",    "device",
                                     "parallel", "launcher", "name",   "experiment", "stop_after"};

/// What the store keeps of a configuration: values from the environment may be secrets and stay unresolved, except for
/// those that reports read.
nlohmann::ordered_json recorded(const config::ComposedConfig& composed, const nlohmann::json& resolved) {
  auto record = composed.json_without_environment();
  for (const char* key : {"/budget", "/seed", "/regime", "/method/name"}) {
    const nlohmann::json::json_pointer at(key);
    if (resolved.contains(at)) record[at] = resolved[at];
  }
  return record;
}

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

void check_target(const Method& method, const std::string& name, bool given) {
  if (given || !method.requires_target) return;
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
  run.resolved = recorded(composed, tree);
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
  check_target(method, run.method, run.target.has_value());
  run.budget = budget_from(take("budget"));
  if (method.budget_use == BudgetUse::kAll) run.budget = Budget();
  if (const auto launcher = take("launcher"); !launcher.is_null())
    run.launcher = bind_options<launchers::LauncherOptions>(launcher, "launcher", origin);
  launchers::make_launcher(run.launcher, {});  // refuses a name that is not known
  take("selector");                            // read by interpolation from the methods

  static_cast<RunSettings&>(run) = bind_options<RunSettings>(tree, "", origin);

  auto identity = composed.json();
  for (const char* key : kVolatile) identity.erase(key);
  run.config_hash = sha256_json(identity);
  return run;
}

OpenPool open_pool(const PoolOptions& options, const ArtifactCache& cache) {
  OpenPool open;
  if (options.kind == PoolOptions::Kind::kMini) {
    StageKey key{"world", kWorldVersion, nlohmann::json::object(), nlohmann::json(dump_options(options.world))};
    const auto [folder, cached] = ensure_artifact(cache, key, [&](const fs::path& fresh) {
      log_info("rendering the mini world (pool and benchmarks)");
      mini::write_mini_world(fresh, options.world);
      return nlohmann::json::object();
    });
    open.path = folder / "pool.json";
    open.benchmarks = folder / "benchmarks";
    open.image_root = folder / "images";
  } else {
    open.path = find_path(options.path);
    if (options.image_root) open.image_root = *options.image_root;
  }
  open.pool = std::make_shared<Pool>(open.path, open.image_root);
  open.digest = open.pool->digest(FileDigests(cache.root() / "digests"));
  return open;
}

std::string model_digest(const fs::path& folder, const ArtifactCache& cache) {
  if (!fs::is_directory(folder)) {
    throw UserError(
        ErrorKind::kInput, fmt::format("There is no model folder '{}'.", folder.string()),
        "Give the path of a Hugging Face folder (config.json, *.safetensors, tokenizer.json) as model.path.");
  }
  // Configuration, tokenizer (vocabularies as .txt too), chat template, weights of either kind.
  const std::set<std::string> read = {".json", ".jinja", ".txt", ".model", ".safetensors", ".bin"};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && read.contains(entry.path().extension().string())) files.push_back(entry.path());
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
