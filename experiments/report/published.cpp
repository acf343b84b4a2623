#include "experiments/report/published.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

#include "core/error.h"
#include "core/files.h"
#include "experiments/report/text.h"
#include "experiments/resources.h"

namespace scalselect::report {
namespace fs = std::filesystem;
namespace {

const double kNone = std::numeric_limits<double>::quiet_NaN();

using Record = std::map<std::string, std::string>;

/// The fields of one line; a field in double quotes may hold commas and doubled quotes.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool doubled = quoted && line.compare(i, 2, "\"\"") == 0;
    if (doubled) fields.back() += line[++i];
    else if (line[i] == '"') quoted = !quoted;
    else if (line[i] == ',' && !quoted) fields.emplace_back();
    else fields.back() += line[i];
  }
  return fields;
}

/// Records by the names in the first line that is not a comment.
std::vector<Record> read_csv(const fs::path& file, const std::vector<std::string>& needed) {
  std::istringstream lines(read_file(file));
  std::vector<std::string> names;
  std::vector<Record> records;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    const auto fields = fields_of(line);
    const auto refuse = [&](const std::string& what) {
      throw UserError(ErrorKind::kInput, fmt::format("{}: line {} {}.", file.string(), number, what),
                      "Restore the file from the distribution; docs/report.md describes it.");
    };
    if (names.empty()) {
      for (const auto& name : needed) {
        if (std::find(fields.begin(), fields.end(), name) == fields.end()) refuse("has no column '" + name + "'");
      }
      names = fields;
      continue;
    }
    if (fields.size() != names.size()) refuse(fmt::format("has {} fields, not {}", fields.size(), names.size()));
    Record record;
    for (std::size_t i = 0; i < names.size(); ++i) record[names[i]] = fields[i];
    record["where"] = fmt::format("{}: line {}", file.string(), number);
    records.push_back(std::move(record));
  }
  return records;
}

double number_of(const Record& record, const std::string& column) {
  const auto& text = record.at(column);
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value)) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("{} has '{}' where {} is a number.", record.at("where"), text, column),
                    "Restore the file from the distribution; docs/report.md describes it.");
  }
  return value;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// The numbers of a table's file that an entry of experiments.csv asks for.
PublishedTable read_table(const Record& entry, const fs::path& folder) {
  PublishedTable table{entry.at("name"), entry.at("source"), entry.at("model"), entry.at("pool"), {}};
  const auto file = folder / entry.at("file");
  std::vector<Record> records;
  double pool = 0;
  for (auto& record : read_csv(file, {"model", "pool", "method", "samples", "metric", "value", "status"})) {
    if (record["pool"] != table.pool) continue;
    pool = std::max(pool, number_of(record, "samples"));  // of any model: the full pool is in some row
    if (record["model"] == table.model) records.push_back(std::move(record));
  }
  if (records.empty()) {
    throw UserError(ErrorKind::kInput,
                    fmt::format("{} has no numbers of {} on {}, which {} names.", file.string(), table.model,
                                table.pool, entry.at("where")),
                    "Restore the files from the distribution.");
  }
  const auto methods = words_of(entry.at("methods"));
  for (const auto& record : records) {
    const auto& method = record.at("method");
    const double samples = number_of(record, "samples");
    const bool named = methods.empty() || std::find(methods.begin(), methods.end(), method) != methods.end();
    const bool sized = entry.at("samples").empty() || samples == number_of(entry, "samples") || samples == pool;
    if (named && sized)
      table.values.push_back(
          {method, record.at("metric"), samples / pool, number_of(record, "value"), record.at("status")});
  }
  return table;
}

/// A row of either side.
struct RowName {
  std::string method;
  double share = 1;
  const TableRow* ours = nullptr;
  std::size_t place = 0;  ///< of `ours`
};

bool same_share(double a, double b) { return std::abs(a - b) <= 0.02 * std::max(a, b); }

std::vector<RowName> rows_of(const Table& table, const std::vector<PublishedTable>& published) {
  std::vector<RowName> rows;
  for (std::size_t i = 0; i < table.rows.size(); ++i)
    rows.push_back({table.rows[i].method, table.rows[i].share, &table.rows[i], i});
  for (const auto& paper : published) {
    for (const auto& value : paper.values) {
      const bool known = std::any_of(rows.begin(), rows.end(), [&](const RowName& row) {
        return row.method == value.method && same_share(row.share, value.share);
      });
      if (!known) rows.push_back({value.method, value.share, nullptr, 0});
    }
  }
  return rows;
}

/// As our rows of the same share print it, if there are some.
std::string budget_of(const Table& table, const RowName& row) {
  for (const auto& ours : table.rows) {
    if (same_share(ours.share, row.share)) return ours.budget;
  }
  return fmt::format("{:.3g} %", 100 * row.share);
}

/// Our number of a published column; NaN if we have none.
TableCell ours_of(const Table& table, const RowName& row, const PublishedMetric& metric) {
  const TableCell none{kNone, kNone, {kNone, kNone}};
  if (row.ours == nullptr) return none;
  if (metric.kind.empty()) return {row.ours->relative.value, row.ours->relative_std, row.ours->relative.interval};
  const auto fits = [&](const eval::Metric& column, const ColumnOrigin& origin, const std::string& name) {
    return column.name == name && origin.kind == metric.kind &&
           (metric.language.empty() || origin.language == metric.language);
  };
  for (const auto& name : metric.names) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      if (fits(table.columns[c], table.origins[c], name)) return row.ours->cells[c];
    }
    for (std::size_t c = 0; c < table.measures.columns.size(); ++c) {
      if (fits(table.measures.columns[c], table.measures.origins[c], name)) return table.measures.cells[row.place][c];
    }
  }
  return none;
}

const PublishedValue* find_value(const PublishedTable& paper, const RowName& row, const std::string& metric) {
  for (const auto& value : paper.values) {
    if (value.method == row.method && value.metric == metric && same_share(value.share, row.share)) return &value;
  }
  return nullptr;
}

/// The published columns that some table has, and Rel.
std::vector<PublishedMetric> used_metrics(const std::vector<PublishedTable>& published,
                                          const std::vector<PublishedMetric>& metrics) {
  std::set<std::string> used;
  for (const auto& paper : published) {
    for (const auto& value : paper.values) used.insert(value.metric);
  }
  std::vector<PublishedMetric> result;
  for (const auto& metric : metrics) {
    if (used.contains(metric.metric)) result.push_back(metric);
  }
  return result;
}

std::string difference_text(const TableCell& ours, double published) {
  if (std::isnan(ours.mean) || std::isnan(published)) return "–";
  auto text = fmt::format("{:+.1f}", ours.mean - published);
  if (std::isnan(ours.interval.low) || ours.interval.low == ours.interval.high) return text;
  return fmt::format("{} [{:.1f}, {:.1f}]", text, ours.interval.low - published, ours.interval.high - published);
}

}  // namespace

fs::path published_folder() { return resource_folder() / "paper"; }

std::vector<PublishedTable> published_tables(const std::string& experiment, const fs::path& folder) {
  std::vector<PublishedTable> tables;
  for (const auto& entry : read_csv(folder / "experiments.csv",
                                    {"experiment", "name", "file", "model", "pool", "methods", "samples", "source"})) {
    if (entry.at("experiment") == experiment) tables.push_back(read_table(entry, folder));
  }
  return tables;
}

std::vector<PublishedMetric> published_metrics(const fs::path& folder) {
  std::vector<PublishedMetric> metrics;
  for (const auto& entry :
       read_csv(folder / "metrics.csv", {"metric", "kind", "language", "names", "display", "note"})) {
    metrics.push_back({entry.at("metric"), entry.at("kind"), entry.at("language"), words_of(entry.at("names")),
                       entry.at("display"), entry.at("note")});
  }
  return metrics;
}

std::vector<PublishedPair> pair_with_published(const Table& table, const std::vector<PublishedTable>& published,
                                               const std::vector<PublishedMetric>& metrics) {
  std::vector<PublishedPair> pairs;
  for (const auto& row : rows_of(table, published)) {
    for (const auto& metric : used_metrics(published, metrics)) {
      const auto ours = ours_of(table, row, metric);
      for (const auto& paper : published) {
        const auto* value = find_value(paper, row, metric.metric);
        if (value == nullptr && std::isnan(ours.mean)) continue;
        pairs.push_back({row.method, budget_of(table, row), metric.display, paper.name, ours,
                         value == nullptr ? kNone : value->value, value == nullptr ? "" : value->status});
      }
    }
  }
  return pairs;
}

Grid published_grid(const Table& table, const std::vector<PublishedTable>& published,
                    const std::vector<PublishedMetric>& metrics) {
  Grid grid{{"method", "budget", "numbers"}, {}, {}};
  if (published.empty()) return grid;
  const auto used = used_metrics(published, metrics);
  for (const auto& metric : used) grid.header.push_back(metric.display);
  for (const auto& row : rows_of(table, published)) {
    std::vector<TableCell> ours;
    for (const auto& metric : used) ours.push_back(ours_of(table, row, metric));
    std::vector<GridRow> lines;
    bool told = false;  // some paper has the row
    const auto add = [&](const std::string& whose) -> GridRow& {
      return lines.emplace_back(
          plain_row({lines.empty() ? row.method : "", lines.empty() ? budget_of(table, row) : "", whose}));
    };
    auto& own = add(row.ours == nullptr ? "ours: not run" : "ours");
    for (const auto& cell : ours) own.cells.push_back({cell_text(cell)});
    for (const auto& paper : published) {
      std::vector<const PublishedValue*> values;
      for (const auto& metric : used) values.push_back(find_value(paper, row, metric.metric));
      const bool has = std::any_of(values.begin(), values.end(), [](const auto* value) { return value != nullptr; });
      if (!has) continue;
      told = true;
      auto& theirs = add(paper.name);
      for (const auto* value : values)
        theirs.cells.push_back({value == nullptr ? "–"
                                                 : fmt::format("{:.2f}{}", value->value,
                                                               value->status.empty() ? "" : " " + value->status)});
      if (row.ours == nullptr) continue;
      auto& difference = add("difference");
      for (std::size_t i = 0; i < used.size(); ++i)
        difference.cells.push_back({difference_text(ours[i], values[i] == nullptr ? kNone : values[i]->value)});
    }
    if (!told) lines.front().cells[2].text = "ours: not published";
    grid.rows.insert(grid.rows.end(), lines.begin(), lines.end());
  }
  for (const auto& paper : published)
    grid.notes.push_back(fmt::format("{}: {} on {}. {}", paper.name, paper.model, paper.pool, paper.source));
  grid.notes.push_back(
      fmt::format("Differences are ours minus the published number, with our {:g} % interval; the published number is "
                  "taken as exact, "
                  "since none comes with its noise. Rel. is over the columns of each side's own table ({} here).",
                  100 * table.level, table.columns.size() - table.left_out.size()));
  for (const auto& metric : used) {
    if (!metric.note.empty()) grid.notes.push_back(metric.display + ": " + metric.note);
  }
  return grid;
}

std::string published_csv(const std::string& regime, const std::vector<PublishedPair>& pairs, bool header) {
  std::string text = header ? "regime,method,budget,metric,paper,ours,low,high,published,status\n" : "";
  for (const auto& pair : pairs) {
    text += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", csv_field(regime), csv_field(pair.method),
                        csv_field(pair.budget), csv_field(pair.metric), csv_field(pair.paper), pair.ours.mean,
                        pair.ours.interval.low, pair.ours.interval.high, pair.published, csv_field(pair.status));
  }
  return text;
}

}  // namespace scalselect::report
