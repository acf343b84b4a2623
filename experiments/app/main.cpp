// scalselect: one program for selection, training, evaluation and reports.
#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>

#include "core/error.h"
#include "core/log.h"
#include "experiments/app/commands.h"
#include "experiments/config/command.h"

namespace scalselect::app {
namespace {

struct Command {
  const char* name;
  const char* summary;
  std::function<int(const Words&)> run;
};

int compose(const Words& words) { return config::run_compose_command(words, std::cout, std::cerr); }
int pipeline(const Words& words) { return run_pipeline(words); }

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"run", "the pipeline (also without a command name): key=value …, -m for sweeps", pipeline},
      {"extract", "pool and model -> all_representations.npz", run_extract},
      {"score", "all_representations.npz -> importance_scores.jsonl", run_score},
      {"select", "scores, features or a model, and a budget -> the subset", run_select},
      {"methods", "selection methods: the list, NAME for one, --markdown for docs/methods.md", list_methods},
      {"mini", "the mini world: world, sheet, pretrain, probes", run_mini},
      {"runs", "list the runs in the result store", list_runs},
      {"show", "one run: configuration, stages, metrics", show_run},
      {"compare", "runs side by side, only what differs", compare_runs},
      {"report", "tables, plots and the page of an experiment", write_report},
      {"cache", "list artifacts, or remove what no run uses", run_cache},
      {"compose", "compose any folder of YAML groups and print it", compose},
  };
  return table;
}

void print_usage() {
  fmt::print("scalselect {}: training-free data selection for visual instruction tuning\n\nCommands:\n",
             SCALSELECT_VERSION);
  for (const auto& command : commands()) fmt::print("  {:9} {}\n", command.name, command.summary);
  fmt::print(
      "\nExamples:\n"
      "  scalselect experiment=mini/demo                       the whole path on the mini world\n"
      "  scalselect -m method=random,scalselect seed=1,2,3     a sweep\n"
      "  scalselect select model.path=DIR pool.path=POOL.json budget=0.16 out=subset.json\n"
      "  scalselect run --help                                 groups, options and the composed configuration\n");
}

int dispatch(const Words& words) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print_usage();
    return words.empty() ? 2 : 0;
  }
  if (words[0] == "--version") {
    fmt::print("scalselect {}\n", SCALSELECT_VERSION);
    return 0;
  }
  const Words rest(words.begin() + 1, words.end());
  if (words[0] == "_work") return run_worker(rest);
  for (const auto& command : commands()) {
    if (words[0] == command.name) return command.run(rest);
  }
  // A word without '=' that is no flag can only be meant as a command.
  const bool override_like = words[0].find('=') != std::string::npos || words[0].find_first_of("-+~") == 0;
  if (override_like) return run_pipeline(words);
  Words names;
  for (const auto& command : commands()) names.emplace_back(command.name);
  throw UserError(ErrorKind::kUsage,
                  fmt::format("There is no command '{}'.{}", words[0], did_you_mean(words[0], names)),
                  "`scalselect --help` lists the commands.");
}

}  // namespace
}  // namespace scalselect::app

int main(int argc, char** argv) {
  using namespace scalselect;
  if (std::getenv("SCALSELECT_DEBUG") != nullptr) set_log_level(LogLevel::kDebug);
  try {
    return app::dispatch({argv + 1, argv + argc});
  } catch (const UserError& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return exit_code(error.kind());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: out of memory. Use a smaller batch size or fewer parallel jobs.\n");
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {} (this is a fault of the program; please report it with the command)\n", error.what());
    return 1;
  }
}
