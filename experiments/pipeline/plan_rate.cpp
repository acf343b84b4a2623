#include "experiments/pipeline/plan_rate.h"

#include <set>

#include "core/store.h"

namespace scalselect::pipeline {

std::optional<MeasuredRate> measured_training(const std::filesystem::path& store, const std::string& model) {
  if (!std::filesystem::exists(store)) return {};
  const Store opened(store, Store::Mode::kReadOnly);
  MeasuredRate rate;
  std::set<std::string> counted;  // runs that chose the same rows share a training
  const nlohmann::ordered_json::json_pointer path("/model/path");
  for (const auto& run : opened.runs()) {
    if (run.status != "finished" || !run.config.contains(path) || run.config.at(path) != model) continue;
    for (const auto& stage : opened.stages(run.id)) {
      if (stage.stage != "adapter" || stage.cached || stage.wall_s <= 0 || !counted.insert(stage.key).second) continue;
      double tokens = 0;
      for (const auto& step : opened.metric_history(run.id, "train/tokens")) tokens += step.value;
      if (tokens <= 0) continue;
      ++rate.trainings;
      rate.tokens += tokens;
      rate.seconds += stage.wall_s;
    }
  }
  if (rate.trainings == 0) return {};
  return rate;
}

}  // namespace scalselect::pipeline
