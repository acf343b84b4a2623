#include "experiments/report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/error.h"

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
    row.cells.push_back({summary.mean, summary.std});
  }
  row.relative = bootstrap.relative(label);
  row.relative_std = eval::summarize_seeds(bootstrap.relative_by_seed(label)).std;
  row.above_chance = bootstrap.relative(label, eval::Score::kRelAboveChance).value;
  const std::string other = reference + " " + runs.front()->budget.label();
  const auto& methods = bootstrap.methods();
  const bool comparable = label != other && std::find(methods.begin(), methods.end(), other) != methods.end();
  row.against = comparable ? bootstrap.difference(label, other) : eval::Estimate{kNone, {kNone, kNone}, kNone};
  row.skills = mean_of(runs, [](const ReportRun& run) { return eval::mean_skill_accuracy(run.skills); });
  return row;
}

std::string cell_text(const TableCell& cell, const char* plus_minus) {
  return std::isnan(cell.std) ? fmt::format("{:.1f}", cell.mean)
                              : fmt::format("{:.1f}{}{:.1f}", cell.mean, plus_minus, cell.std);
}

std::string interval_text(const eval::Estimate& estimate) {
  return std::isnan(estimate.interval.low)
             ? "–"
             : fmt::format("[{:.1f}, {:.1f}]", estimate.interval.low, estimate.interval.high);
}

/// Index of the best and second-best row of each budget in a column; rows of the full pool are not ranked.
struct Ranks {
  std::size_t best = std::numeric_limits<std::size_t>::max(), second = best;
};

Ranks ranks_of(const Table& table, const std::string& budget, const auto& value, bool higher) {
  Ranks ranks;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (table.rows[i].method != "full" && table.rows[i].budget == budget) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return higher ? value(table.rows[a]) > value(table.rows[b]) : value(table.rows[a]) < value(table.rows[b]);
  });
  if (order.size() > 1) ranks.best = order[0];
  if (order.size() > 2) ranks.second = order[1];
  return ranks;
}

/// The rows as text cells, the header first; `bold` and `underline` wrap the two best of a budget.
template <class Bold, class Underline>
std::vector<std::vector<std::string>> cells_of(const Table& table, const char* plus_minus, const Bold& bold,
                                               const Underline& underline) {
  std::vector<std::vector<std::string>> lines;
  std::vector<std::string> header = {"method", "budget", "steps"};
  for (const auto& column : table.columns) header.push_back(column.display + (column.higher_is_better ? "" : " ↓"));
  for (const char* name : {"Rel. %", "95 % CI", "Rel. above chance"}) header.emplace_back(name);
  header.push_back("vs " + table.reference);
  lines.push_back(header);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const auto& row = table.rows[i];
    const auto mark = [&](const std::string& text, const auto& value, bool higher) {
      const auto ranks = ranks_of(table, row.budget, value, higher);
      return i == ranks.best ? bold(text) : i == ranks.second ? underline(text) : text;
    };
    std::vector<std::string> line = {row.method, row.budget, row.steps > 0 ? std::to_string(row.steps) : "–"};
    for (std::size_t c = 0; c < row.cells.size(); ++c) {
      line.push_back(mark(
          cell_text(row.cells[c], plus_minus), [c](const TableRow& r) { return r.cells[c].mean; },
          table.columns[c].higher_is_better));
    }
    line.push_back(mark(
        cell_text({row.relative.value, row.relative_std}, plus_minus),
        [](const TableRow& r) { return r.relative.value; }, true));
    line.push_back(row.method == "full" ? "–" : interval_text(row.relative));
    line.push_back(fmt::format("{:.1f}", row.above_chance));
    line.push_back(
        std::isnan(row.against.value) ? "–" : fmt::format("{:+.1f} {}", row.against.value, interval_text(row.against)));
    lines.push_back(line);
  }
  std::vector<std::string> chance = {"chance", "–", "–"};
  for (const double level : table.chance) chance.push_back(fmt::format("{:.1f}", level));
  for (int i = 0; i < 4; ++i) chance.emplace_back("–");
  lines.push_back(chance);
  return lines;
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

/// Columns a terminal shows: characters, not bytes.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width, bool left) {
  const std::string blanks(width > width_of(text) ? width - width_of(text) : 0, ' ');
  return left ? text + blanks : blanks + text;
}

std::string latex_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '_' || c == '%' || c == '&' || c == '#') out += '\\';
    out += c;
  }
  return out;
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
    Table table{regime, reference, bootstrap.columns(), {}, {}};
    for (const auto& column : table.columns) table.chance.push_back(column.chance);
    for (const auto& label : bootstrap.methods())
      table.rows.push_back(make_row(collection, regime, label, reference, bootstrap));
    tables.push_back(std::move(table));
  }
  return tables;
}

std::string table_text(const Table& table) {
  const auto plain = [](const std::string& text) { return text; };
  const auto lines = cells_of(table, "±", plain, plain);
  std::vector<std::size_t> widths(lines[0].size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  }
  std::string text;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i)
      text += padded(line[i], widths[i], i == 0) + (i + 1 < line.size() ? "  " : "\n");
  }
  return text;
}

std::string table_markdown(const Table& table) {
  const auto lines = cells_of(
      table, " ± ", [](const std::string& t) { return "**" + t + "**"; },
      [](const std::string& t) { return "<u>" + t + "</u>"; });
  std::string text;
  for (std::size_t l = 0; l < lines.size(); ++l) {
    text += "|";
    for (const auto& cell : lines[l]) text += " " + cell + " |";
    text += "\n";
    if (l == 0) {
      text += "|";
      for (std::size_t i = 0; i < lines[0].size(); ++i) text += i == 0 ? " --- |" : " ---: |";
      text += "\n";
    }
  }
  return text;
}

std::string table_latex(const Table& table, const std::string& command) {
  const auto lines = cells_of(
      table, " \\pm ", [](const std::string& t) { return "\\textbf{" + t + "}"; },
      [](const std::string& t) { return "\\underline{" + t + "}"; });
  std::string text = "% " + command + "\n\\begin{tabular}{l" + std::string(lines[0].size() - 1, 'r') + "}\n\\toprule\n";
  for (std::size_t l = 0; l < lines.size(); ++l) {
    for (std::size_t i = 0; i < lines[l].size(); ++i) {
      std::string cell = latex_escaped(lines[l][i]);
      if (cell.find("\\pm") != std::string::npos) cell = "\\ensuremath{" + cell + "}";
      if (cell == "–") cell = "--";
      text += cell + (i + 1 < lines[l].size() ? " & " : " \\\\\n");
    }
    if (l == 0 || (l == 1 && table.rows.front().method == "full")) text += "\\midrule\n";
  }
  return text + "\\bottomrule\n\\end{tabular}\n";
}

std::string table_csv(const Collection& collection) {
  std::string text = "regime,method,budget,seed,benchmark,metric,value,chance,run_id\n";
  for (const auto& run : collection.runs) {
    for (const auto& benchmark : run.benchmarks) {
      for (const auto& stats : benchmark.metrics) {
        text += fmt::format("{},{},{},{},{},{},{},{},{}\n", run.regime, run.method, run.budget.text(), run.seed,
                            benchmark.name, stats.metric.name, stats.metric.value, stats.metric.chance, run.row.id);
      }
    }
  }
  return text;
}

std::string skills_markdown(const Collection& collection, const std::string& regime) {
  std::map<std::string, eval::SkillScore> levels;
  for (const auto& run : collection.runs) {
    for (const auto& skill : run.skills) levels[skill.skill] = skill;
  }
  if (levels.empty()) return "";
  std::string header = "| |", rule = "| --- |", counts = "| questions |", chance = "| chance |",
              majority = "| majority |";
  for (const auto& [name, level] : levels) {
    header += " " + name + " |";
    rule += " ---: |";
    counts += fmt::format(" {} |", level.questions);
    chance += fmt::format(" {:.1f} |", level.chance);
    majority += fmt::format(" {:.1f} |", level.majority);
  }
  std::string text = header + "\n" + rule + "\n" + counts + "\n" + chance + "\n" + majority + "\n";
  for (const auto& label : labels_of(collection, regime)) {
    text += "| " + label + " |";
    for (const auto& [name, level] : levels) {
      const auto summary = eval::summarize_seeds(accuracies(runs_of(collection, regime, label), name));
      text += " " + cell_text({summary.mean, summary.std}, " ± ") + " |";
    }
    text += "\n";
  }
  return text;
}

std::string costs_markdown(const Collection& collection, const std::string& regime) {
  std::string text =
      "| selection | CPU s | added MiB | forward passes | backward passes |\n| --- | ---: | ---: | ---: | ---: |\n";
  for (const auto& label : labels_of(collection, regime)) {
    const auto runs = runs_of(collection, regime, label);
    const auto mean = [&](const char* name) {
      return mean_of(runs, [&](const ReportRun& run) {
        const auto found = run.selection.find(name);
        return found == run.selection.end() ? kNone : found->second;
      });
    };
    const auto cell = [](double value, int digits) {
      return std::isnan(value) ? std::string("–") : fmt::format("{:.{}f}", value, digits);
    };
    text += fmt::format("| {} | {} | {} | {} | {} |\n", label, cell(mean("cpu_s"), 2),
                        cell(mean("added_bytes") / (1024 * 1024), 0), cell(mean("forward_passes"), 0),
                        cell(mean("backward_passes"), 0));
  }
  return text;
}

}  // namespace scalselect::report
