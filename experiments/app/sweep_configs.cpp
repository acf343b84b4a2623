#include "experiments/app/sweep_configs.h"

#include "core/error.h"
#include "core/log.h"
#include "experiments/pipeline/sweep.h"

namespace scalselect::app {
namespace {

/// True if the composed configuration itself asks for a sweep (hydra.mode=MULTIRUN in an experiment).
bool asks_for_sweep(const config::ComposeRequest& request) {
  auto lenient = request;
  lenient.multirun = true;
  const auto composed = config::compose(lenient);
  const auto* mode = config::find_path(composed.hydra, "mode");
  return mode != nullptr && mode->is_string() && mode->as_string() == "MULTIRUN";
}

}  // namespace

SweepConfigs compose_sweep(const Flags& flags, config::ComposeRequest request) {
  request.multirun = flags.multirun || asks_for_sweep(request);
  SweepConfigs sweep;
  if (!request.multirun) {
    sweep.first = config::compose(request);
    sweep.configs.push_back(pipeline::bind_run(sweep.first));
    return sweep;
  }
  auto single = request;
  single.multirun = false;
  const auto jobs = config::multirun_jobs(request);
  log_info("{} runs", jobs.size());
  // Each is named as soon as it is composed: a mistake in the last of many is not preceded by silence.
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    single.overrides = jobs[i];
    single.job_num = static_cast<std::int64_t>(i);
    auto composed = config::compose(single);
    sweep.configs.push_back(pipeline::bind_run(composed));
    if (i == 0) sweep.first = std::move(composed);
    log_info("  #{}: {}", i, pipeline::run_label(sweep.configs.back()));
  }
  if (sweep.configs.empty()) {
    throw UserError(ErrorKind::kUsage, "The sweep has no runs: one of its lists is empty.",
                    "Give each swept key a value at least.");
  }
  return sweep;
}

}  // namespace scalselect::app
