// plan, which is also `run --dry-run`: what an experiment would do, cost and be able to show.
#include <fmt/format.h>

#include <cstdio>

#include "experiments/app/commands.h"
#include "experiments/app/sweep_configs.h"
#include "experiments/pipeline/plan_runs.h"

namespace scalselect::app {
namespace {

/// The node `plan` of a run: its options, and Rel. by method in `published`.
std::pair<plan::PlanOptions, std::map<std::string, double>> plan_options(const config::ComposedConfig& composed) {
  auto tree = composed.json().value("plan", nlohmann::json::object());
  std::map<std::string, double> published;
  const auto given = tree.value("published", nlohmann::json());
  tree.erase("published");
  if (given.is_object()) {
    for (const auto& [method, rel] : given.items()) {
      if (!rel.is_number()) {
        throw UserError(ErrorKind::kUsage, fmt::format("'plan.published.{}' is {}, not a number.", method, rel.dump()),
                        "Give Rel. in percent.");
      }
      published[method] = rel.get<double>();
    }
  }
  return {bind_options<plan::PlanOptions>(tree, "plan", composed.origin()), published};
}

}  // namespace

int run_plan(const Words& words) {
  const Flags flags = parse_flags(words);
  auto request = request_for(flags, "config");
  if (const int code = answer_questions(flags, request, kPlanUsage); code >= 0) return code;
  const auto sweep = compose_sweep(flags, request);
  const auto [options, published] = plan_options(sweep.first);
  const auto plan = pipeline::plan_runs(sweep.configs, options, published);
  fmt::print("{}", plan::plan_text(plan));
  return plan.ready() ? 0 : 1;
}

}  // namespace scalselect::app
