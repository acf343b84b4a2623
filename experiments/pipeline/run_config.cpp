// A composed configuration as typed structs.
#include "experiments/pipeline/run_config.h"

#include <fmt/format.h>

#include "baselines/registry.h"
#include "core/error.h"
#include "core/hash.h"
#include "selector/choose.h"
#include "vlm/chat_choice.h"
#include "vlm/image_processor.h"

namespace scalselect::pipeline {
namespace {

/// Keys that say where and how fast, not what.
constexpr const char* kVolatile[] = {"cache",    "store", "report",     "threads",    "device", "parallel",
                                     "launcher", "name",  "experiment", "stop_after", "plan"};

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

vlm::PixelLimits pixels_of(const ModelOptions& model) { return {model.min_pixels, model.max_pixels}; }

nlohmann::json with_model_options(nlohmann::json params, const ModelOptions& model) {
  const auto folder = inputs::find_path(model.path);
  const auto processor = vlm::ImageProcessor::load(folder, /*pad_to_square=*/false, pixels_of(model));
  if (!processor.fixed_size()) {
    const auto& bounds = processor.options().bounds;
    params["pixels"] = {bounds.least, bounds.most};
  }
  if (const auto chat = vlm::chat_key(folder, model.chat_template); !chat.empty()) {
    params["chat_template"] = chat;
  }
  return params;
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
  run.pool = bind_options<inputs::PoolOptions>(take("pool"), "pool", origin);
  run.target = inputs::target_from(take("target"), origin);
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
  require_target(method, run.target.has_value());
  run.budget = budget_from(take("budget"));
  if (method.budget_use == BudgetUse::kAll) run.budget = Budget();
  if (method.budget_use == BudgetUse::kAll && method.list)
    run.list = std::filesystem::path(method.files.at("path")).stem().string();
  if (const auto launcher = take("launcher"); !launcher.is_null())
    run.launcher = bind_options<launchers::LauncherOptions>(launcher, "launcher", origin);
  launchers::make_launcher(run.launcher, {});  // refuses a name that is not known
  take("plan");                                // read by `plan` alone
  take("selector");                            // read by interpolation from the methods

  static_cast<RunSettings&>(run) = bind_options<RunSettings>(tree, "", origin);

  auto identity = composed.json();
  for (const char* key : kVolatile) identity.erase(key);
  run.config_hash = sha256_json(identity);
  return run;
}

}  // namespace scalselect::pipeline
