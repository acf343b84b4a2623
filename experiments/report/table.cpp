#include "experiments/report/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/error.h"
#include "experiments/report/origin.h"
#include "experiments/report/reading.h"
#include "experiments/report/text.h"

namespace scalselect::report {
namespace {

const double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<const ReportRun*> runs_of(const Collection& collection, const std::string& regime,
                                      const std::string& label) {
  std::vector<const ReportRun*> runs;
  for (const auto& run : collection.runs) {
    if (run.regime == regime && run.label() == label) runs.push_back(&run);
  }
  return runs;
}

template <class Get>
double mean_of(const std::vector<const ReportRun*>& runs, const Get& get) {
  double sum = 0;
  for (const auto* run : runs) sum += get(*run);
  return sum / static_cast<double>(runs.size());
}

TableRow make_row(const Collection& collection, const std::string& regime, const std::string& label,
                  const std::string& reference, const eval::PairedBootstrap& bootstrap) {
  const auto runs = runs_of(collection, regime, label);
  TableRow row;
  row.method = runs.front()->method;
  row.budget = runs.front()->is_full() ? "100 %" : runs.front()->budget.label();
  row.share = runs.front()->share();
  row.seeds = static_cast<std::int64_t>(runs.size());
  row.steps = runs.front()->steps;
  for (std::size_t column = 0; column < bootstrap.columns().size(); ++column) {
    const auto summary = eval::summarize_seeds(bootstrap.column_by_seed(label, column));
    row.cells.push_back({summary.mean, summary.std, bootstrap.column(label, column).interval});
  }
  row.relative = bootstrap.relative(label);
  row.relative_std = eval::summarize_seeds(bootstrap.relative_by_seed(label)).std;
  row.above_chance = bootstrap.relative(label, eval::Score::kRelAboveChance).value;
  row.geometric = bootstrap.relative(label, eval::Score::kRelGeometric).value;
  row.complete = std::all_of(runs.begin(), runs.end(), [](const ReportRun* run) { return run->is_complete(); });
  const std::string other = reference + " " + runs.front()->budget.label();
  const auto& methods = bootstrap.methods();
  const bool comparable = label != other && std::find(methods.begin(), methods.end(), other) != methods.end();
  row.against = comparable ? bootstrap.difference(label, other) : eval::Estimate{kNone, {kNone, kNone}, kNone};
  std::set<std::string> letters;
  for (const auto* run : runs) letters.insert(machine_letter(collection, *run));
  row.machines = fmt::format("{}", fmt::join(letters, ", "));
  row.skills = mean_of(runs, [](const ReportRun& run) { return eval::mean_skill_accuracy(run.skills); });
  return row;
}

std::string number(double value, int digits = 1) {
  return std::isnan(value) ? "–" : fmt::format("{:.{}f}", value, digits);
}

std::string interval_text(const eval::Estimate& estimate) {
  return std::isnan(estimate.interval.low)
             ? "–"
             : fmt::format("[{:.1f}, {:.1f}]", estimate.interval.low, estimate.interval.high);
}

/// Marks of one column, parallel to the rows.
std::vector<Mark> marks_of(const Table& table, const auto& value, bool higher_is_better) {
  const auto key = [&](const TableRow& row) {  // as printed, best first
    return (higher_is_better ? -1 : 1) * std::round(10 * value(row));
  };
  const auto ranked = [&](const TableRow& row) { return row.method != "full" && !std::isnan(value(row)); };
  std::map<std::string, std::set<double>> values;  // budget -> different ones
  for (const auto& row : table.rows) {
    if (ranked(row)) values[row.budget].insert(key(row));
  }
  std::vector<Mark> marks;
  for (const auto& row : table.rows) {
    Mark mark = Mark::kNone;
    if (ranked(row)) {
      const auto& order = values[row.budget];
      if (order.size() > 1 && key(row) == *order.begin()) mark = Mark::kBest;
      if (order.size() > 2 && key(row) == *std::next(order.begin())) mark = Mark::kSecond;
    }
    marks.push_back(mark);
  }
  return marks;
}

bool several_machines(const Table& table) {
  return std::any_of(table.rows.begin(), table.rows.end(),
                     [&](const TableRow& row) { return row.machines != table.rows.front().machines; });
}

/// "a, b and c"
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 < names.size() ? ", " : " and ") + names[i];
  return text;
}

std::vector<std::string> notes_of(const Table& table) {
  std::vector<std::string> notes = table.warnings;
  const auto lacks_interval = [](const TableRow& row) {
    return row.method != "full" && !std::isnan(row.relative.value) && std::isnan(row.relative.interval.low);
  };
  if (table.left_out.size() == table.columns.size()) {
    notes.emplace_back("Rel. is undefined: the full pool scored 0 on every benchmark, and nothing is relative to 0.");
  } else if (!table.left_out.empty()) {
    notes.push_back(fmt::format("Rel. leaves out {}: the full pool scored 0 there, and nothing is relative to 0.",
                                listed(table.left_out)));
  }
  if (!table.left_out_above_chance.empty()) {
    notes.push_back(fmt::format("Rel. above chance leaves out {}: the full pool scored exactly chance there.",
                                listed(table.left_out_above_chance)));
  }
  if (std::any_of(table.rows.begin(), table.rows.end(), lacks_interval)) {
    notes.emplace_back(
        "Rel. has no interval where the full pool scores 0 on a benchmark in some of the bootstrap's draws: the "
        "benchmark has too few questions that it answers.");
  }
  if (several_machines(table)) {
    notes.emplace_back(
        "The runs were made on different machines (last column); the same run differs a little between processors, so "
        "compare within a machine.");
  }
  return notes;
}

std::vector<std::string> labels_of(const Collection& collection, const std::string& regime) {
  std::vector<std::string> labels;
  for (const auto& run : collection.runs) {
    if (run.regime == regime && std::find(labels.begin(), labels.end(), run.label()) == labels.end())
      labels.push_back(run.label());
  }
  return labels;
}

/// Of one skill, by seed.
std::vector<double> accuracies(const std::vector<const ReportRun*>& runs, const std::string& skill) {
  std::vector<double> values;
  for (const auto* run : runs) {
    for (const auto& score : run->skills) {
      if (score.skill == skill) values.push_back(score.accuracy);
    }
  }
  return values;
}

}  // namespace

std::vector<Table> make_tables(const Collection& collection, const std::string& reference,
                               const eval::BootstrapOptions& options) {
  std::set<std::string> methods;
  for (const auto& run : collection.runs) methods.insert(run.method);
  if (reference != "random" && !methods.contains(reference)) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("Experiment '{}' has no run of '{}' to compare with.{}", collection.experiment,
                                reference, did_you_mean(reference, {methods.begin(), methods.end()})));
  }
  std::vector<Table> tables;
  for (const auto& regime : collection.regimes) {
    const auto runs = method_runs(collection, regime);
    const bool has_full = std::any_of(runs.begin(), runs.end(), [](const auto& run) { return run.method == "full"; });
    if (!has_full) {
      throw UserError(
          ErrorKind::kInput,
          fmt::format("Experiment '{}' has no finished run on the full pool, which relative performance needs.",
                      collection.experiment),
          "Add method=full to the sweep.");
    }
    const eval::PairedBootstrap bootstrap(runs, "full", options);
    Table table;
    table.regime = regime;
    table.reference = reference;
    table.columns = bootstrap.columns();
    table.level = options.level;
    for (const auto& column : table.columns) {
      table.chance.push_back(column.chance);
      table.majority.push_back(column.majority);
    }
    for (const auto column : bootstrap.left_out()) table.left_out.push_back(table.columns[column].display);
    for (const auto column : bootstrap.left_out(eval::Score::kRelAboveChance))
      table.left_out_above_chance.push_back(table.columns[column].display);
    for (const auto& label : bootstrap.methods())
      table.rows.push_back(make_row(collection, regime, label, reference, bootstrap));
    for (const auto& against :
         reference == "full" ? std::vector{reference} : std::vector<std::string>{reference, "full"})
      table.comparisons.push_back(compare_with(collection, regime, against, bootstrap, options));
    table.measures = make_measures(collection, regime, options);
    table.warnings = reading_warnings(collection, regime);
    const auto first = std::find_if(collection.runs.begin(), collection.runs.end(),
                                    [&](const ReportRun& run) { return run.regime == regime; });
    table.origins = column_origins(*first);
    tables.push_back(std::move(table));
  }
  return tables;
}

Grid table_grid(const Table& table) {
  Grid grid{{"method", "budget", "steps"}, {}, notes_of(table)};
  for (const auto& row : table.rows)
    grid.rows.push_back(plain_row(
        {row.method + (row.complete ? "" : " †"), row.budget, row.steps > 0 ? std::to_string(row.steps) : "–"},
        row.method == "full"));
  for (const char* level : {"chance", "constant answer"}) grid.rows.push_back(plain_row({level, "–", "–"}, true));
  const auto add_column = [&](const std::string& name, const auto& text, const std::vector<Mark>& marks,
                              const std::string& chance = "–", const std::string& majority = "–") {
    grid.header.push_back(name);
    for (std::size_t r = 0; r < table.rows.size(); ++r)
      grid.rows[r].cells.push_back({text(table.rows[r]), marks.empty() ? Mark::kNone : marks[r]});
    grid.rows[table.rows.size()].cells.push_back({chance});
    grid.rows.back().cells.push_back({majority});
  };
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const bool higher = table.columns[c].higher_is_better;
    add_column(
        table.columns[c].display + (higher ? "" : " ↓"), [c](const TableRow& row) { return cell_text(row.cells[c]); },
        marks_of(
            table, [c](const TableRow& row) { return row.cells[c].mean; }, higher),
        number(table.chance[c]), number(table.majority[c]));
  }
  add_column(
      "Rel. %",
      [](const TableRow& row) {
        return cell_text({row.relative.value, row.relative_std, {}});
      },
      marks_of(
          table, [](const TableRow& row) { return row.relative.value; }, true));
  add_column(fmt::format("{:g} % CI", 100 * table.level),
             [](const TableRow& row) { return row.method == "full" ? "–" : interval_text(row.relative); }, {});
  add_column("geometric", [](const TableRow& row) { return number(row.geometric); }, {});
  add_column("Rel. above chance", [](const TableRow& row) { return number(row.above_chance); }, {});
  const auto against = [](const TableRow& row) -> std::string {
    if (std::isnan(row.against.value)) return "–";
    const auto difference = fmt::format("{:+.1f}", row.against.value);
    return std::isnan(row.against.interval.low) ? difference : difference + " " + interval_text(row.against);
  };
  add_column("vs " + table.reference, against, {});
  if (several_machines(table)) add_column("machine", [](const TableRow& row) { return row.machines; }, {});
  return grid;
}

std::string table_csv(const Collection& collection) {
  std::string text = "regime,method,budget,seed,benchmark,metric,value,chance,run_id\n";
  for (const auto& run : collection.runs) {
    for (const auto& benchmark : run.benchmarks) {
      for (const auto& stats : benchmark.metrics) {
        text += fmt::format("{},{},{},{},{},{},{},{},{}\n", csv_field(run.regime), csv_field(run.method),
                            run.budget.text(), run.seed, csv_field(benchmark.name), csv_field(stats.metric.name),
                            stats.metric.value, stats.metric.chance, run.row.id);
      }
    }
  }
  return text;
}

Grid skills_grid(const Collection& collection, const std::string& regime) {
  std::map<std::string, eval::SkillScore> levels;
  for (const auto& run : collection.runs) {
    for (const auto& skill : run.skills) levels[skill.skill] = skill;
  }
  if (levels.empty()) return {};
  Grid grid{{""}, {}, {}};
  auto counts = plain_row({"questions"}, true), chance = plain_row({"chance"}, true),
       majority = plain_row({"majority"}, true);
  for (const auto& [name, level] : levels) {
    grid.header.push_back(name);
    counts.cells.push_back({std::to_string(level.questions)});
    chance.cells.push_back({number(level.chance)});
    majority.cells.push_back({number(level.majority)});
  }
  grid.rows = {counts, chance, majority};
  for (const auto& label : labels_of(collection, regime)) {
    auto row = plain_row({label});
    for (const auto& [name, level] : levels) {
      const auto values = accuracies(runs_of(collection, regime, label), name);
      const auto summary = values.empty() ? eval::SeedSummary{kNone, kNone, {}, 0} : eval::summarize_seeds(values);
      row.cells.push_back({cell_text({summary.mean, summary.std, {}})});
    }
    grid.rows.push_back(row);
  }
  return grid;
}

Grid costs_grid(const Collection& collection, const std::string& regime) {
  Grid grid{{"selection", "CPU s", "added MiB", "forward passes", "backward passes"}, {}, {}};
  for (const auto& label : labels_of(collection, regime)) {
    const auto runs = runs_of(collection, regime, label);
    const auto mean = [&](const char* name) {
      return mean_of(runs, [&](const ReportRun& run) {
        const auto found = run.selection.find(name);
        return found == run.selection.end() ? kNone : found->second;
      });
    };
    grid.rows.push_back(plain_row({label, number(mean("cpu_s"), 2), number(mean("added_bytes") / (1024 * 1024), 0),
                                   number(mean("forward_passes"), 0), number(mean("backward_passes"), 0)}));
  }
  return grid;
}

}  // namespace scalselect::report
