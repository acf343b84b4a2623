#include "experiments/pipeline/plan_question.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/store.h"
#include "eval/bootstrap.h"
#include "eval/statistics.h"
#include "experiments/report/collect.h"

namespace scalselect::pipeline {
namespace fs = std::filesystem;
namespace {

/// What pilot runs tell.
struct Pilot {
  plan::Question question;
  bool found = false;
};

std::vector<std::string> usual_columns(const std::string& kind) {
  if (kind == "mme") return {"perception", "cognition"};
  if (kind == "pope") return {"f1"};
  return {"accuracy"};
}

/// Differences of the methods to random in the runs of `name`: over seeds, and over questions with the seeds fixed.
Pilot pilot_of(const fs::path& file, const std::string& name, bool asked) {
  Pilot pilot;
  if (!fs::exists(file)) {
    if (!asked) return pilot;
    throw UserError(ErrorKind::kUsage, fmt::format("There is no store '{}' with the pilot '{}'.", file.string(), name),
                    "Give the store that holds it (store=FILE).");
  }
  const Store store(file, Store::Mode::kReadOnly);
  const auto known = store.experiments();
  if (!asked && std::find(known.begin(), known.end(), name) == known.end()) return pilot;
  report::Collection collection;
  try {
    collection = report::collect(store, name);
  } catch (const UserError&) {
    if (asked) throw;
    return pilot;  // an experiment that has not come to answers yet
  }
  const auto runs = report::method_runs(collection, collection.regimes.front());
  std::string random;
  bool full = false;
  for (const auto& run : runs) {
    full |= run.method == "full";
    if (random.empty() && run.method.starts_with("random ")) random = run.method;
  }
  if (!full || random.empty()) return pilot;
  eval::BootstrapOptions options;
  options.replicates = 1000;
  options.resample_seeds = false;
  const eval::PairedBootstrap bootstrap(runs, "full", options);
  const auto budget = random.substr(random.find(' '));
  const auto of_random = bootstrap.relative_by_seed(random);
  double squares = 0, freedom = 0, question = 0;
  std::int64_t methods = 0;
  for (const auto& method : bootstrap.methods()) {
    if (method == "full" || method == random || !method.ends_with(budget)) continue;
    const auto interval = bootstrap.difference(method, random).interval;
    const double error = (interval.high - interval.low) / (2 * eval::normal_quantile(0.975));
    if (std::isnan(error)) continue;
    ++methods;
    question += error;
    auto by_seed = bootstrap.relative_by_seed(method);
    if (by_seed.size() != of_random.size() || by_seed.size() < 2) continue;
    for (std::size_t i = 0; i < by_seed.size(); ++i) by_seed[i] -= of_random[i];
    const auto summary = eval::summarize_seeds(by_seed);
    squares += summary.std * summary.std * static_cast<double>(by_seed.size() - 1);
    freedom += static_cast<double>(by_seed.size() - 1);
  }
  if (methods == 0) return pilot;
  pilot.found = true;
  pilot.question.noise = {freedom > 0 ? std::sqrt(squares / freedom) : 0, question / static_cast<double>(methods)};
  pilot.question.headroom = 100 - bootstrap.relative(random).value;
  pilot.question.headroom_basis = "in the pilot";
  pilot.question.basis =
      fmt::format("the finished runs of '{}', {} method{} beside random, {} seed{}{}.", name, methods,
                  methods == 1 ? "" : "s", of_random.size(), of_random.size() == 1 ? "" : "s",
                  freedom > 0 ? "" : "; one seed tells nothing of training's noise, which is left out");
  return pilot;
}

/// By the model of columns; the basis is empty if no column is known.
plan::Question modelled(const plan::PlanOptions& options, const std::vector<PlannedBenchmark>& benchmarks) {
  std::vector<eval::ColumnNoise> columns;
  std::vector<std::string> names, unknown;
  for (const auto& benchmark : benchmarks) {
    const auto& bench = benchmark.options;
    for (const auto& metric : bench.columns.empty() ? usual_columns(bench.kind) : bench.columns) {
      const double units = bench.kind == "pope" && metric != "f1" ? static_cast<double>(benchmark.units) / 3
                                                                  : static_cast<double>(benchmark.units);
      const auto guess = plan::guess_column(bench.kind, bench.language, metric, units, options.discordant);
      if (!guess) unknown.push_back(bench.name + " " + metric);
      else columns.push_back(guess->noise), names.push_back(guess->display);
    }
  }
  plan::Question question;
  if (columns.empty()) return question;
  question.noise = {options.seed_sd, eval::relative_standard_error(columns)};
  question.basis = fmt::format(
      "no pilot runs; modelled for {} at LLaVA-1.5-7B's levels, with {:g} % of the questions answered differently "
      "(plan.discordant) and a standard deviation of {:g} points over seeds (plan.seed_sd), both assumed{}.",
      fmt::join(names, ", "), 100 * options.discordant, options.seed_sd,
      unknown.empty() ? std::string()
                      : fmt::format("; without {}, of which nothing is known", fmt::join(unknown, ", ")));
  return question;
}

}  // namespace

std::vector<std::string> plan_question(const std::vector<RunConfig>& configs, const plan::PlanOptions& options,
                                       const std::map<std::string, double>& published,
                                       const std::vector<PlannedBenchmark>& benchmarks) {
  const auto& first = configs.front();
  auto [question, found] = pilot_of(first.store, options.pilot.value_or(first.name), options.pilot.has_value());
  if (!found) question = modelled(options, benchmarks);
  if (question.basis.empty()) return {};
  std::set<std::int64_t> seeds;
  std::set<std::string> methods;
  for (const auto& run : configs) {
    seeds.insert(run.seed);
    if (run.method != "full" && run.method != "random") methods.insert(run.method_choice);
  }
  question.seeds = static_cast<std::int64_t>(seeds.size());
  question.methods = static_cast<std::int64_t>(methods.size());
  question.difference = options.difference;
  question.power = options.power;
  const auto random = published.find("random");
  if (random != published.end()) {
    if (!question.headroom) {
      question.headroom = 100 - random->second;
      question.headroom_basis = "by the published numbers, plan.published";
    }
    for (const auto& [method, rel] : published) {
      if (method != "random" && method != "full" && methods.contains(method))
        question.reported.emplace_back(method, rel - random->second);
    }
  }
  return plan::question_lines(question);
}

}  // namespace scalselect::pipeline
