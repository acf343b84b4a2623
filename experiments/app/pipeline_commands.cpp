// The pipeline as a command, and the worker that it starts.
#include <fmt/format.h>

#include <cstdio>

#include "core/failure.h"
#include "core/files.h"
#include "core/log.h"
#include "core/process_group.h"
#include "experiments/app/commands.h"
#include "experiments/app/eval_command.h"
#include "experiments/app/sweep_configs.h"
#include "experiments/pipeline/sweep.h"
#include "experiments/pipeline/train_job.h"
#include "experiments/report/report.h"

namespace scalselect::app {
int run_pipeline(const Words& words) {
  const Flags flags = parse_flags(words);
  if (flags.dry_run) return run_plan(words);
  const auto request = request_for(flags, "config");
  if (const int code = answer_questions(flags, request, kRunUsage); code >= 0) return code;
  const auto configs = compose_sweep(flags, request).configs;
  const auto& first = configs.front();
  const std::filesystem::path folder = first.report ? *first.report : report::default_folder(first.name).string();
  if (first.stop_after == pipeline::StopAfter::kMetrics) {
    report::check_folder(folder, first.name);
    require_writable(folder / "report.html");
  }
  Words command_line = {"scalselect"};
  command_line.insert(command_line.end(), words.begin(), words.end());
  const auto summary = pipeline::run_sweep(configs, command_line);
  log_info("feature extractions {}, selections {}, trainings {}, evaluations {} (the rest came from the cache)",
           summary.extractions, summary.selections, summary.trainings, summary.evaluations);
  if (const auto group = process_group(); !group.leads()) {
    if (summary.failed > 0) {
      log_warning("process {} of {}: {} of {} runs failed here", group.rank, group.size, summary.failed, summary.runs);
      return 1;
    }
    log_info("process {} of {}: everything is computed; process 0 scores and reports", group.rank, group.size);
    return 0;
  }
  if (first.stop_after == pipeline::StopAfter::kMetrics && summary.failed < summary.runs) {
    try {
      const auto written = report::write_report({first.store, first.name, folder});
      fmt::print("{}\nreport: {}\n", written.table_text, written.page.string());
    } catch (const UserError& error) {
      // One run alone is a fair thing to ask for; its metrics are in the store.
      if (error.kind() != ErrorKind::kInput) throw;
      log_warning("no table: {} `scalselect runs store={}` and `show` have the metrics.", error.what(), first.store);
    }
  }
  if (summary.failed > 0)
    log_warning("{} of {} runs failed; `scalselect runs store={}` says why", summary.failed, summary.runs, first.store);
  if (summary.incomplete > 0) {
    log_warning("{} of {} runs are incomplete: questions could not be asked; `scalselect show` of a run counts them",
                summary.incomplete, summary.runs);
  }
  return summary.failed > 0 ? 1 : summary.incomplete > 0 ? kIncompleteExit : 0;
}

int run_worker(const Words& words) {
  if (words.size() != 1) throw UserError(ErrorKind::kUsage, "`_work` is started by the pipeline itself.");
  launchers::Reporter reporter(stdout);
  try {
    pipeline::run_train_job(pipeline::TrainJob::from_json(nlohmann::json::parse(read_file(words[0]))), reporter);
    return 0;
  } catch (const std::exception& error) {
    reporter.error(failure_sentence(error));
    throw;
  }
}

}  // namespace scalselect::app
