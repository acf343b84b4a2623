#include "experiments/report/collect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "eval/predictions.h"
#include "eval/registry.h"

namespace scalselect::report {
namespace fs = std::filesystem;
namespace {

std::string text_of(const nlohmann::ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::map<std::string, fs::path> artifacts_of(const Store& store, const RunRow& row) {
  std::map<std::string, fs::path> places;
  for (const auto& artifact : store.artifacts(row.id)) {
    if (!fs::exists(artifact.path)) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("Run {} ({}) names '{}', which is gone.", row.id, row.name, artifact.path),
                      "Run the experiment again; what is still cached is not computed anew.");
    }
    places[artifact.name] = artifact.path;
  }
  return places;
}

void read_selection(const fs::path& folder, std::int64_t pool_size, ReportRun& run) {
  std::istringstream rows(read_file(folder / "rows.txt"));
  for (std::int64_t row = 0; rows >> row;) run.rows.push_back(row);
  run.facts = nlohmann::ordered_json::parse(read_file(folder / "facts.json"));
  if (!fs::exists(folder / "scores.tsv")) return;
  run.scores.assign(static_cast<std::size_t>(pool_size), std::nan(""));
  std::istringstream scores(read_file(folder / "scores.tsv"));
  std::size_t row = 0;
  for (std::string number; scores >> row >> number;) run.scores[row] = std::stod(number);
}

void read_answers(const std::map<std::string, fs::path>& places, ReportRun& run) {
  std::vector<eval::Question> questions;
  std::vector<eval::Outcome> outcomes;
  for (const auto& item : run.row.config.at("eval").at("benchmarks")) {
    const auto benchmark =
        eval::make_benchmark(bind_options<eval::BenchmarkOptions>(nlohmann::json(item), "eval.benchmarks"));
    const auto found = places.find("predictions/" + benchmark->name());
    if (found == places.end()) continue;
    auto rescored = eval::rescore(*benchmark, found->second / "predictions.jsonl");
    run.benchmarks.push_back(std::move(rescored.scores));
    questions.insert(questions.end(), rescored.questions.begin(), rescored.questions.end());
    outcomes.insert(outcomes.end(), rescored.outcomes.begin(), rescored.outcomes.end());
  }
  run.skills = eval::skill_scores(questions, outcomes);
}

void read_costs(const Store& store, ReportRun& run) {
  constexpr std::string_view kPrefix = "select/";
  for (const auto& [name, value] : store.latest_metrics(run.row.id, std::string(kPrefix)))
    run.selection[name.substr(kPrefix.size())] = value;
  for (const auto& point : store.metric_history(run.row.id, "train/loss")) {
    run.steps = point.step;
    run.losses.push_back(point.value);
  }
}

}  // namespace

std::string ReportRun::label() const { return is_full() ? "full" : method + " " + budget.label(); }

double ReportRun::share() const { return is_full() ? 1 : budget.share_of(pool_size); }

Collection collect(const Store& store, const std::string& experiment) {
  Collection collection;
  collection.experiment = experiment;
  for (const auto& row : store.runs(experiment)) {
    if (row.status != "finished") {
      collection.failed.push_back(row.name + ": " + (row.error.empty() ? row.status : row.error));
      continue;
    }
    const auto places = artifacts_of(store, row);
    if (!places.contains("selection") || !places.contains("pool")) continue;
    if (!collection.pool)
      collection.pool = std::make_shared<Pool>(places.at("pool"), places.at("pool").parent_path() / "images");
    ReportRun run;
    run.row = row;
    run.method =
        row.choices.contains("method") ? text_of(row.choices["method"]) : text_of(row.config.at("method").at("name"));
    if (!run.is_full()) run.budget = parse_budget(text_of(row.config.at("budget")));
    run.regime = row.config.contains("regime") ? text_of(row.config["regime"]) : "epochs";
    run.seed = row.config.value("seed", std::int64_t{0});
    run.pool_size = collection.pool->size();
    read_answers(places, run);
    if (run.benchmarks.empty()) continue;
    read_selection(places.at("selection"), collection.pool->size(), run);
    read_costs(store, run);
    const auto twin = std::find_if(collection.runs.begin(), collection.runs.end(), [&](const ReportRun& other) {
      return other.label() == run.label() && other.regime == run.regime && other.seed == run.seed;
    });
    if (twin == collection.runs.end()) {
      collection.runs.push_back(std::move(run));
    } else if (!run.is_full() && twin->row.config_hash != run.row.config_hash) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("Runs {} and {} both are '{}' with seed {}, but differ in other settings.",
                                  twin->row.id, row.id, run.label(), run.seed),
                      fmt::format("`scalselect compare {} {}` shows them; give one of the experiments another name=.",
                                  twin->row.id, row.id));
    }
  }
  if (collection.runs.empty()) {
    throw UserError(ErrorKind::kInput, fmt::format("Experiment '{}' has no finished run with answers.", experiment),
                    "`scalselect runs` lists what there is.");
  }
  std::vector<std::string> order;
  for (const auto& run : collection.runs) {
    if (std::find(order.begin(), order.end(), run.method) == order.end()) order.push_back(run.method);
    if (std::find(collection.regimes.begin(), collection.regimes.end(), run.regime) == collection.regimes.end())
      collection.regimes.push_back(run.regime);
  }
  const auto place = [&](const ReportRun& run) {
    const auto method = std::find(order.begin(), order.end(), run.method) - order.begin();
    return std::tuple(run.is_full() ? -1 : method, run.share(), run.seed);
  };
  std::stable_sort(collection.runs.begin(), collection.runs.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return collection;
}

std::vector<eval::MethodRun> method_runs(const Collection& collection, const std::string& regime) {
  std::vector<eval::MethodRun> runs;
  for (const auto& run : collection.runs) {
    if (run.regime == regime) runs.push_back({run.label(), run.seed, run.benchmarks});
  }
  return runs;
}

}  // namespace scalselect::report
