#include "experiments/report/collect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "eval/json_files.h"
#include "eval/matchers.h"
#include "eval/registry.h"
#include "experiments/inputs/pool.h"
#include "experiments/runs/selection_files.h"
#include "selector/constraints.h"

namespace scalselect::report {
namespace fs = std::filesystem;
namespace {

std::string text_of(const nlohmann::ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// A setting of a run; null where it has none.
nlohmann::ordered_json setting(const RunRow& row, const char* path) {
  const nlohmann::ordered_json::json_pointer pointer(path);
  return row.config.contains(pointer) ? row.config.at(pointer) : nlohmann::ordered_json();
}

std::map<std::string, fs::path> artifacts_of(const Store& store, const RunRow& row) {
  std::map<std::string, fs::path> places;
  for (const auto& artifact : store.artifacts(row.id)) {
    if (!fs::exists(artifact.path)) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("Run {} ({}) names '{}', which is gone.", row.id, row.name, artifact.path),
                      "Run the experiment again; what is still cached is not computed again.");
    }
    places[artifact.name] = artifact.path;
  }
  return places;
}

struct ScoredFile {
  eval::Rescored rescored;
  AnswerSheet sheet;  ///< without its units
};

/// The rules by which answers are read, by name.
std::string matcher_text(const eval::Benchmark& benchmark) {
  const auto chosen = benchmark.options().matcher;
  const auto known = benchmark.matchers();
  if (chosen != eval::Matcher::kDefault || known.empty()) return eval::matcher_name(chosen);
  return fmt::format("{} (default)", eval::matcher_name(known.front()));
}

/// What the records in `folder` say of how they were made: the first stands for all, since one evaluation made them.
AnswerSheet read_sheet(const eval::Benchmark& benchmark, const fs::path& folder) {
  const auto& options = benchmark.options();
  AnswerSheet sheet;
  sheet.benchmark = options.name;
  sheet.display = options.display;
  sheet.kind = options.kind;
  sheet.language = options.language;
  sheet.matcher = matcher_text(benchmark);
  std::ifstream file(folder / "predictions.jsonl");
  std::string line;
  std::getline(file, line);
  const auto record = nlohmann::json::parse(line, nullptr, false);  // eval::rescore has read it without complaint
  sheet.style = record.value("profile", "");
  sheet.file_digest = record.value("bench_file_sha256", "");
  sheet.max_new_tokens = record.value("gen", nlohmann::json::object()).value("max_new_tokens", std::int64_t{0});
  const auto unusable = folder / "unusable.jsonl";
  if (!fs::exists(unusable)) return sheet;
  eval::for_each_json_line(unusable, [&](const nlohmann::json& item, const std::string& where) {
    ++sheet.unusable[eval::json_string(item, "reason", where)];
  });
  return sheet;
}

std::vector<ScoredFile> read_answers(const std::map<std::string, fs::path>& places, const RunRow& row) {
  std::vector<ScoredFile> answers;
  const auto eval = row.config.value("eval", nlohmann::ordered_json::object());
  for (const auto& item : eval.value("benchmarks", nlohmann::ordered_json::array())) {
    const auto benchmark =
        eval::make_benchmark(bind_options<eval::BenchmarkOptions>(nlohmann::json(item), "eval.benchmarks"));
    const auto found = places.find("predictions/" + benchmark->name());
    if (found == places.end()) continue;
    auto rescored = eval::rescore(*benchmark, found->second / "predictions.jsonl");
    answers.push_back({std::move(rescored), read_sheet(*benchmark, found->second)});
  }
  return answers;
}

void add_answers(std::vector<ScoredFile>&& answers, ReportRun& run) {
  std::vector<eval::Question> questions;
  std::vector<eval::Outcome> outcomes;
  for (auto& [rescored, sheet] : answers) {
    sheet.answered = std::ssize(rescored.questions);
    sheet.units = answer_units(rescored.questions, rescored.outcomes);
    run.sheets.push_back(std::move(sheet));
    run.benchmarks.push_back(std::move(rescored.scores));
    for (std::size_t i = 0; i < rescored.questions.size(); ++i) {
      if (rescored.questions[i].skill.empty()) continue;  // real benchmarks have none, and many questions
      questions.push_back(std::move(rescored.questions[i]));
      outcomes.push_back(std::move(rescored.outcomes[i]));
    }
  }
  run.skills = eval::skill_scores(questions, outcomes);
}

void read_costs(const Store& store, ReportRun& run) {
  const auto below = [&](const std::string& prefix, std::map<std::string, double>& metrics) {
    for (const auto& [name, value] : store.latest_metrics(run.row.id, prefix))
      metrics[name.substr(prefix.size())] = value;
  };
  below("select/", run.selection);
  below("rows/", run.row_counts);
  for (const auto& point : store.metric_history(run.row.id, "train/loss")) {
    run.steps = point.step;
    run.losses.push_back(point.value);
  }
}

}  // namespace

std::int64_t AnswerSheet::left_out() const {
  std::int64_t questions = 0;
  for (const auto& [reason, count] : unusable) questions += count;
  return questions;
}

bool ReportRun::is_complete() const {
  return std::all_of(sheets.begin(), sheets.end(), [](const AnswerSheet& sheet) { return sheet.left_out() == 0; });
}

std::string ReportRun::label() const { return is_full() ? "full" : method + " " + budget.label(); }

double ReportRun::share() const { return is_full() ? 1 : budget.share_of(pool_size); }

std::string sentence_on_other_runs(const Collection& collection) {
  std::vector<std::string> parts;
  const auto add = [&](std::size_t count, const char* what) {
    if (count > 0) parts.push_back(fmt::format("{} of {}", count, what));
  };
  add(collection.answers_alone, "`eval` or `eval import`, without a subset that was trained on");
  add(collection.unanswered, "a selection without answers to a benchmark");
  if (parts.empty()) return {};
  return fmt::format(
      "Finished runs that have no row here: {}. `scalselect runs experiment={}` lists them, `show` has their scores, "
      "and `compare` sets them side by side.",
      fmt::join(parts, ", "), collection.experiment);
}

void require_experiment(const Store& store, const std::string& experiment) {
  const auto known = store.experiments();
  if (std::find(known.begin(), known.end(), experiment) != known.end()) return;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("The store has no experiment '{}'.{}", experiment, did_you_mean(experiment, known)),
                  "`scalselect runs` lists what there is.");
}

std::vector<Answers> answers_of(const Store& store, const RunRow& row) {
  const auto places = artifacts_of(store, row);
  std::vector<Answers> all;
  for (auto& scored : read_answers(places, row)) {
    Answers answers{std::move(scored.rescored), {}};
    const auto& folder = places.at("predictions/" + answers.rescored.scores.name);
    for (auto& prediction : eval::read_predictions(folder / "predictions.jsonl"))
      answers.responses.push_back(std::move(prediction.response));
    all.push_back(std::move(answers));
  }
  return all;
}

/// The pool that a run chose from. `first`: its first file, as the store knows it.
std::shared_ptr<const Pool> pool_of(const RunRow& row, const fs::path& first) {
  const auto tree = nlohmann::json(setting(row, "/pool"));
  const bool from_environment = tree.dump().find("${") != std::string::npos;  // kept unresolved
  if (tree.is_object() && tree.value("kind", "") == "file" && !from_environment) {
    const auto parts = bind_options<inputs::PoolOptions>(tree, "pool").parts();
    if (parts.size() > 1 || parts[0].path != first || parts[0].image_root) return std::make_shared<Pool>(parts);
  }
  return std::make_shared<Pool>(first, first.parent_path() / "images");
}

eval::BootstrapOptions bootstrap_options(const Collection& collection) {
  const auto& config = collection.runs.front().row.config;
  const auto eval = config.value("eval", nlohmann::ordered_json::object());
  return bind_options<eval::BootstrapOptions>(nlohmann::json(eval.value("bootstrap", nlohmann::ordered_json::object())),
                                              "eval.bootstrap");
}

/// A constraint of a run, as recorded; its default if the run is older than the key.
std::string constraint(const RunRow& row, const std::string& key, const nlohmann::ordered_json& usual) {
  return text_of(row.config.contains(key) ? row.config[key] : usual);
}

/// The constraints in which the finished runs differ, with their defaults: they are a part of a method's name.
nlohmann::ordered_json constraints_that_differ(const std::vector<RunRow>& rows) {
  auto differ = nlohmann::ordered_json::object();
  const auto all = dump_options(ConstraintOptions());
  for (const auto& [key, usual] : all.items()) {
    std::set<std::string> values;
    for (const auto& row : rows) {
      if (row.status == "finished") values.insert(constraint(row, key, usual));
    }
    if (values.size() > 1) differ[key] = usual;
  }
  return differ;
}

/// The method as tables name it: several lists of method=ids are told apart by their files.
std::string method_name(const RunRow& row) {
  const auto registered = setting(row, "/method/name");
  const auto name = row.choices.contains("method") ? text_of(row.choices["method"]) : text_of(registered);
  const auto list = setting(row, "/method/path");
  return name == "ids" && list.is_string() ? name + " " + fs::path(list.get<std::string>()).stem().string() : name;
}

Collection collect(const Store& store, const std::string& experiment) {
  require_experiment(store, experiment);
  const auto rows = store.runs(experiment);
  const auto named = constraints_that_differ(rows);
  Collection collection;
  collection.experiment = experiment;
  for (const auto& row : rows) {
    if (row.status != "finished") {
      collection.failed.push_back(row.name + ": " + (row.error.empty() ? row.status : row.error));
      continue;
    }
    const auto places = artifacts_of(store, row);
    if (!places.contains("selection") || !places.contains("pool")) {
      collection.answers_alone += std::any_of(
          places.begin(), places.end(), [](const auto& place) { return place.first.starts_with("predictions/"); });
      continue;
    }
    if (!collection.pool) collection.pool = pool_of(row, places.at("pool"));
    ReportRun run;
    run.row = row;
    run.method = method_name(row);
    if (!run.is_full()) run.budget = parse_budget(text_of(setting(row, "/budget")));
    if (!run.is_full()) {
      for (const auto& [key, usual] : named.items()) run.method += " " + key + "=" + constraint(row, key, usual);
    }
    run.pool_size = collection.pool->size();
    run.regime = row.config.contains("regime") ? text_of(row.config["regime"]) : "epochs";
    run.seed = row.config.value("seed", std::int64_t{0});
    add_answers(read_answers(places, row), run);
    if (run.benchmarks.empty()) {
      ++collection.unanswered;
      continue;
    }
    run.rows = pipeline::read_chosen_rows(places.at("selection"), run.pool_size);
    // A list is taken whole: the budget that a table shows is what was trained on.
    if (setting(row, "/method/name") == "ids" && std::ssize(run.rows) != run.budget.rows(run.pool_size))
      run.budget = Count{std::ssize(run.rows)};
    run.scores = pipeline::read_scores_table(places.at("selection"), run.pool_size);
    run.facts = pipeline::read_facts(places.at("selection"));
    read_costs(store, run);
    const auto twin = std::find_if(collection.runs.begin(), collection.runs.end(), [&](const ReportRun& other) {
      return other.label() == run.label() && other.regime == run.regime && other.seed == run.seed;
    });
    if (twin == collection.runs.end()) {
      collection.runs.push_back(std::move(run));
    } else if (run.is_full() ? twin->rows != run.rows : twin->row.config_hash != run.row.config_hash) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("Runs {} and {} are both '{}' with seed {}, but differ in other settings.",
                                  twin->row.id, row.id, run.label(), run.seed),
                      fmt::format("`scalselect compare {} {}` shows them; give one of the experiments another name=.",
                                  twin->row.id, row.id));
    }
  }
  if (collection.runs.empty() && collection.answers_alone > 0) {
    throw UserError(
        ErrorKind::kInput,
        fmt::format("Experiment '{}' has {} finished runs of `eval` and `eval import` alone: a report compares "
                    "trainings on subsets of a pool, which they are not.",
                    experiment, collection.answers_alone),
        "`scalselect compare` sets such runs side by side, and `scalselect eval diff` their answers.");
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
