// scalselect: one program for selection, training, evaluation and reports.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>

#include "core/error.h"
#include "core/failure.h"
#include "core/log.h"
#include "experiments/app/commands.h"
#include "experiments/app/launch_command.h"
#include "experiments/build_info.h"
#include "experiments/config/answers.h"
#include "selector/linalg.h"

namespace scalselect::app {
namespace {

struct Command {
  const char* name;
  const char* summary;
  std::function<int(const Words&)> run;
  const char* usage = nullptr;  ///< answer to --help; null: the command answers itself
};

int compose(const Words& words) {
  const Flags flags = parse_flags(words);
  if (flags.config_dirs.empty()) {
    throw UserError(ErrorKind::kUsage, "No folder of configurations is given.", std::string("Usage: ") + kComposeUsage);
  }
  const config::ComposeRequest request{flags.config_dirs, flags.config_name, flags.overrides};
  if (flags.help || !flags.info.empty()) return answer_questions(flags, request, kComposeUsage);
  if (flags.multirun) {
    int number = 0;
    for (const auto& job : config::multirun_jobs(request)) fmt::print("#{} : {}\n", number++, fmt::join(job, " "));
    return 0;
  }
  const auto what = flags.cfg.empty() ? "job" : flags.cfg;
  fmt::print("{}", config::cfg_text(config::compose(request), what, flags.resolve, flags.package, flags.format));
  return 0;
}

int pipeline(const Words& words) { return run_pipeline(words); }

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"run", "select, fine-tune, evaluate and report; the name may be left out; -m sweeps", pipeline},
      {"plan", "what the runs would need, cost and be able to show; nothing is run", run_plan},
      {"extract", "a pool and a model -> features, all_representations.npz", run_extract},
      {"score", "features -> importance_scores.jsonl; part, merge, apply: by several processes", run_score},
      {"select", "scores, features or a model, and a budget -> the subset", run_select},
      {"pool", "describe: what is in a pool; convert: the same rows in another container", run_pool, kPoolUsage},
      {"verify", "whether a selection's files are what its manifest says", verify_manifest, kVerifyUsage},
      {"replay", "choose again as a manifest says, and compare the rows", replay_manifest, kReplayUsage},
      {"diff", "what enters and leaves from one selection to another, by source, length and picture", diff_selections,
       kDiffUsage},
      {"overlap", "what selections share, beside random sets of their sizes", overlap_selections, kOverlapUsage},
      {"handover", "check: a subset as LLaMA-Factory, ms-swift or LLaVA would tokenise it, beside our own training",
       run_handover, kHandoverUsage},
      {"methods", "the selection methods: their list, NAME for one, --markdown for docs/methods.md", list_methods,
       kMethodsUsage},
      {"eval", "a model folder's answers to benchmarks, scored and kept; `eval --help` names the groups", run_eval},
      {"generate", "images and a prompt -> a model's answer", run_generate},
      {"model", "assemble: a decoder, a tower and a projector -> a LLaVA folder", run_model, kModelUsage},
      {"runs", "list what was run: id, status, time", list_runs, kRunsUsage},
      {"show", "one run: configuration, environment, cost of each stage, metrics", show_run, kShowUsage},
      {"compare", "runs side by side: the settings and results that differ", compare_runs, kCompareUsage},
      {"answers", "what a run's model answered to each question, or only the wrong answers", print_answers,
       kAnswersUsage},
      {"report", "an experiment's tables, plots and page, made again", write_report, kReportUsage},
      {"cache", "list what stages left, or remove what no run uses", run_cache, kCacheUsage},
      {"bench", "the machine's own rates, and what extraction, generation, scoring and pools reach of them", run_bench,
       kBenchUsage},
      {"launch", "a command as several processes that share its work, on this machine or by Slurm", run_launch,
       kLaunchUsage},
      {"doctor", "facts for a bug report: versions, machine, libraries, paths", run_doctor, kDoctorUsage},
      {"mini", "the mini world alone: world, sheet, pretrain, probes", run_mini, kMiniUsage},
      {"compose", "compose any folder of YAML groups as Hydra does, and print it", compose, kComposeUsage},
  };
  return table;
}

void print_usage() {
  fmt::print(
      "scalselect {}: picks the part of a visual-instruction pool that is worth training on, without training,\n"
      "and measures what the pick is worth.\n\nCommands:\n",
      kBuildInfo.version);
  for (const auto& command : commands()) fmt::print("  {:9} {}\n", command.name, command.summary);
  fmt::print(
      "\nExamples:\n"
      "  scalselect experiment=mini/demo       the whole path on the mini world, about ten minutes\n"
      "  scalselect select model.path=DIR pool.path=POOL.json budget=0.16 out=subset.json\n"
      "  scalselect -m method=full,random,scalselect seed=1,2,3 name=mine      compare methods\n"
      "  scalselect report experiment=mine     its table and page again\n"
      "  scalselect eval model.path=DIR eval=paper eval.root=DIR      a checkpoint on the paper's nine columns\n"
      "\n`scalselect COMMAND --help` says what a command takes; `scalselect run --help` lists methods, models and all "
      "keys.\n"
      "Shell completion: source <(scalselect --completion bash)\n");
}

int dispatch(const Words& words) {
  if (words.size() > 1 && words[0] == "help") {  // help select = select --help
    Words asked(words.begin() + 1, words.end());
    asked.emplace_back("--help");
    return dispatch(asked);
  }
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print_usage();
    return words.empty() ? 2 : 0;
  }
  if (words[0] == "--version") {
    fmt::print("scalselect {}\n", kBuildInfo.version);
    return 0;
  }
  const Words rest(words.begin() + 1, words.end());
  if (words[0] == "--completion") return print_completion(rest);
  if (words[0] == "_complete") return complete_words(rest);
  if (words[0] == "_work") return run_worker(rest);
  for (const auto& command : commands()) {
    if (words[0] != command.name) continue;
    if (command.usage != nullptr && rest.size() == 1 && (rest[0] == "--help" || rest[0] == "-h")) {
      fmt::print("{}\n\nUsage: {}\n", command.summary, command.usage);
      return 0;
    }
    return command.run(rest);
  }
  // A word without '=' that is not a flag can only be meant as a command.
  if (is_override_or_flag(words[0])) return run_pipeline(words);
  throw UserError(ErrorKind::kUsage,
                  fmt::format("There is no command '{}'.{}", words[0], did_you_mean(words[0], command_names())),
                  "`scalselect --help` lists the commands.");
}

/// OpenBLAS reads its environment while it is loaded, so a better choice needs a second start.
void restart_with_fitting_blas(char** argv) {
  const char* core = better_openblas_core();
  if (core == nullptr) return;
  setenv("OPENBLAS_CORETYPE", core, 1);
  execv("/proc/self/exe", argv);  // returns only if it fails; then the slow kernels serve
}

/// Prints what went wrong. If standard error cannot be written either, nothing is left to say so with.
void complain(const char* sentence) noexcept { log_message(LogLevel::kError, sentence); }

/// The exit code of a command that returned `code`: an error if its output could not be written.
int after_flush(int code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  const std::string reason = errno == 0 ? "" : fmt::format(": {}", std::strerror(errno));
  complain(fmt::format("standard output cannot be written{}. Make room, or write elsewhere.", reason).c_str());
  return code == 0 ? 1 : code;
}

}  // namespace

Words command_names() {
  Words names;
  for (const auto& command : commands()) names.emplace_back(command.name);
  return names;
}

}  // namespace scalselect::app

int main(int argc, char** argv) {
  using namespace scalselect;
  try {
    signal(SIGCHLD, SIG_DFL);  // ignored, as some supervisors leave it, the ends of our own processes would be lost
    app::restart_with_fitting_blas(argv);
    return app::after_flush(app::dispatch({argv + 1, argv + argc}));
  } catch (const UserError& error) {
    app::complain(error.what());
    return exit_code(error.kind());
  } catch (const std::exception& error) {
    app::complain(failure_sentence(error).c_str());
  } catch (...) {
    app::complain(
        "an unknown exception was thrown (this is a fault of the program; please report it with the command)");
  }
  return 1;
}
