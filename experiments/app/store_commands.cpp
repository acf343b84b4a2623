// runs, show, compare: questions to the result store.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "core/store.h"
#include "experiments/app/plain_words.h"
#include "experiments/report/collect.h"
#include "experiments/report/origin.h"
#include "experiments/report/text.h"

namespace scalselect::app {
namespace {

void flatten(const nlohmann::ordered_json& tree, const std::string& path, std::map<std::string, std::string>& out) {
  if (tree.is_object() && !tree.empty()) {
    for (const auto& [key, value] : tree.items()) flatten(value, path.empty() ? key : path + "." + key, out);
  } else {
    out[path] = tree.is_string() ? tree.get<std::string>() : tree.dump();
  }
}

Words split(const std::string& list) {
  Words parts;
  for (std::size_t begin = 0; begin <= list.size() && !list.empty();) {
    const auto end = std::min(list.find(',', begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

constexpr const char* kColumns[] = {"id", "status", "started (UTC)", "seconds", "experiment", "run"};

/// A listed run; `seconds` is its own time: that of the stages computed for it, not of the sweep around it.
struct ListedRun {
  RunRow row;
  double seconds = 0;
  std::vector<double> metrics;  ///< NaN where the run has none

  std::string text(std::size_t column) const {
    switch (column) {
      case 0: return row.id;
      case 1: return row.status;
      case 2: return report::utc_text(row.started_ms);
      case 3: return fmt::format("{:.1f}", seconds);
      case 4: return row.experiment;
      case 5: return row.name;
      default: {
        const double value = metrics[column - std::size(kColumns)];
        return std::isnan(value) ? "-" : fmt::format("{:.6g}", value);
      }
    }
  }
  double number(std::size_t column) const { return column == 3 ? seconds : metrics[column - std::size(kColumns)]; }
};

std::vector<ListedRun> listed_runs(const Store& store, const PlainWords& asked, const Words& metrics) {
  std::vector<ListedRun> list;
  const auto status = asked.value("status");
  for (auto& row : store.runs(asked.value("experiment"))) {
    if (!status.empty() && row.status != status) continue;
    if (row.name.find(asked.value("match")) == std::string::npos) continue;
    ListedRun run{std::move(row), 0, {}};
    for (const auto& stage : store.stages(run.row.id)) run.seconds += stage.cached ? 0 : stage.wall_s;
    const auto known = metrics.empty() ? std::map<std::string, double>() : store.latest_metrics(run.row.id);
    for (const auto& metric : metrics) run.metrics.push_back(known.contains(metric) ? known.at(metric) : std::nan(""));
    list.push_back(std::move(run));
  }
  for (std::size_t m = 0; m < metrics.size() && !list.empty(); ++m) {
    if (std::any_of(list.begin(), list.end(), [m](const ListedRun& run) { return !std::isnan(run.metrics[m]); }))
      continue;
    Words known;
    for (const auto& run : list) {
      for (const auto& [key, number] : store.latest_metrics(run.row.id)) known.push_back(key);
    }
    throw UserError(ErrorKind::kUsage,
                    fmt::format("None of these runs has a metric '{}'.{}", metrics[m], did_you_mean(metrics[m], known)),
                    "`scalselect show ID` lists a run's metrics.");
  }
  return list;
}

/// sort=COLUMN or sort=-COLUMN (descending); runs without the metric come last.
void sort_runs(std::vector<ListedRun>& list, std::string column, const Words& header) {
  const bool down = column.starts_with('-');
  if (down) column.erase(0, 1);
  if (column == "started") column = kColumns[2];
  const auto found = std::find(header.begin(), header.end(), column);
  if (found == header.end()) {
    throw UserError(ErrorKind::kUsage,
                    fmt::format("There is no column '{}' to sort by.{}", column, did_you_mean(column, header)),
                    fmt::format("The columns are {}; metric=KEY adds one.", fmt::join(header, ", ")));
  }
  const auto c = static_cast<std::size_t>(found - header.begin());
  std::stable_sort(list.begin(), list.end(), [&](const ListedRun& a, const ListedRun& b) {
    if (c != 3 && c < std::size(kColumns)) return down ? a.text(c) > b.text(c) : a.text(c) < b.text(c);
    const double x = a.number(c), y = b.number(c);
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
    return down ? x > y : x < y;
  });
}

void print_runs(const std::vector<ListedRun>& list, const Words& header, const std::string& format) {
  if (format == "json") {
    auto tree = nlohmann::ordered_json::array();
    for (const auto& run : list) {
      nlohmann::ordered_json item;
      for (std::size_t c = 0; c < header.size(); ++c) {
        if (c == 3 || c >= std::size(kColumns)) item[header[c]] = run.number(c);
        else item[header[c]] = run.text(c);
      }
      item["error"] = run.row.error;
      tree.push_back(std::move(item));
    }
    fmt::print("{}\n", tree.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    return;
  }
  const auto line = [&](const auto& cell, const char* separator) {
    std::string text;
    for (std::size_t c = 0; c < header.size(); ++c) text += (c == 0 ? "" : separator) + cell(c);
    fmt::print("{}\n", text);
  };
  if (format == "csv") {
    line([&](std::size_t c) { return report::csv_field(header[c]); }, ",");
    for (const auto& run : list) line([&](std::size_t c) { return report::csv_field(run.text(c)); }, ",");
    return;
  }
  // The run, of any length, goes last.
  std::vector<std::size_t> widths, order = {0, 1, 2, 3, 4};
  for (std::size_t c = std::size(kColumns); c < header.size(); ++c) order.push_back(c);
  order.push_back(5);
  for (std::size_t c = 0; c < header.size(); ++c) {
    widths.push_back(header[c].size());
    for (const auto& run : list) widths[c] = std::max(widths[c], run.text(c).size());
  }
  const auto cell = [&](std::size_t c, const std::string& text) {
    const bool right = c == 3 || c >= std::size(kColumns);
    return c == 5 ? text : right ? fmt::format("{:>{}}", text, widths[c]) : fmt::format("{:{}}", text, widths[c]);
  };
  line([&](std::size_t i) { return cell(order[i], header[order[i]]); }, "  ");
  for (const auto& run : list) {
    line([&](std::size_t i) { return cell(order[i], run.text(order[i])); }, "  ");
    if (!run.row.error.empty()) fmt::print("              {}\n", run.row.error);
  }
}

}  // namespace

int list_runs(const Words& words) {
  const auto asked = parse_plain("runs", words, 0);
  const auto format = asked.value("format", "text");
  if (format != "text" && format != "csv" && format != "json") {
    refuse_plain("runs", fmt::format("'format={}' is not one of text, csv, json.", format));
  }
  const Store store(asked.store(), Store::Mode::kReadOnly);
  if (const auto name = asked.value("experiment"); !name.empty()) report::require_experiment(store, name);
  const auto metrics = split(asked.value("metric"));
  auto list = listed_runs(store, asked, metrics);
  Words header(std::begin(kColumns), std::end(kColumns));
  header.insert(header.end(), metrics.begin(), metrics.end());
  if (const auto column = asked.value("sort"); !column.empty()) sort_runs(list, column, header);
  print_runs(list, header, format);
  return 0;
}

int show_run(const Words& words) {
  const auto asked = parse_plain("show", words, 1);
  if (asked.names.empty()) refuse_plain("show", "`show` needs a run id; `scalselect runs` lists them.");
  const Store store(asked.store(), Store::Mode::kReadOnly);
  const auto run = store.run(asked.names[0]);
  fmt::print("{} ({}), attempt {}, {}\nexperiment {}\nstarted {} UTC\n", run.name, run.id, run.attempt, run.status,
             run.experiment, report::utc_text(run.started_ms));
  if (!run.error.empty()) fmt::print("error: {}\n", run.error);
  for (const auto& warning : run.warnings) fmt::print("warning: {}\n", warning);
  fmt::print("\nconfiguration\n{}\n\nenvironment\n{}\n\nstages\n", run.config.dump(2), run.provenance.dump(2));
  fmt::print("  {:24} {:>8} {:>9} {:>9} {:>9}  {}\n", "stage", "", "wall s", "cpu s", "peak MiB", "artifact");
  for (const auto& stage : store.stages(run.id)) {
    fmt::print("  {:24} {:>8} {:9.2f} {:9.2f} {:9.1f}  {}\n", stage.stage, stage.cached ? "cached" : "computed",
               stage.wall_s, stage.cpu_s, static_cast<double>(stage.peak_rss) / (1 << 20), stage.key.substr(0, 12));
  }
  fmt::print("\nartifacts\n");
  for (const auto& artifact : store.artifacts(run.id)) fmt::print("  {:24} {}\n", artifact.name, artifact.path);
  fmt::print("\nmetrics (last step)\n");
  for (const auto& [key, value] : store.latest_metrics(run.id)) fmt::print("  {:40} {:.6g}\n", key, value);
  return 0;
}

int compare_runs(const Words& words) {
  const auto asked = parse_plain("compare", words, words.size());
  if (asked.names.size() < 2) {
    refuse_plain("compare", "`compare` needs two or more run ids; `scalselect runs` lists them.");
  }
  const Store store(asked.store(), Store::Mode::kReadOnly);
  std::vector<std::map<std::string, std::string>> settings, metrics;
  Words ids;
  for (const auto& id : asked.names) {
    const auto run = store.run(id);
    ids.push_back(run.id);
    flatten(run.config, "", settings.emplace_back());
    auto& values = metrics.emplace_back();
    for (const auto& [key, value] : store.latest_metrics(run.id)) values[key] = fmt::format("{:.6g}", value);
  }
  const auto print_row = [](const std::string& name, const Words& cells) {
    fmt::print("{:52}", name);
    for (const auto& cell : cells) fmt::print("  {:>18}", cell);
    fmt::print("\n");
  };
  const auto rows_of = [](const std::vector<std::map<std::string, std::string>>& tables) {
    std::map<std::string, Words> rows;
    for (std::size_t i = 0; i < tables.size(); ++i) {
      for (const auto& [key, value] : tables[i]) rows.emplace(key, Words(tables.size(), "-")).first->second[i] = value;
    }
    return rows;
  };
  const auto differ = [](const Words& cells) {
    return std::any_of(cells.begin(), cells.end(), [&](const std::string& cell) { return cell != cells.front(); });
  };
  print_row("", ids);
  for (const auto& [key, cells] : rows_of(settings)) {
    if (differ(cells)) print_row(key, cells);
  }
  // What the models are worth comes first; the rest (skills, losses, costs) only on request.
  const auto is_result = [](const std::string& key) { return key.starts_with("eval/") || key == "skill/mean"; };
  const bool all = asked.flags.contains("--all");
  std::size_t left = 0;
  std::vector<std::pair<std::string, Words>> rest;
  for (const auto& [key, cells] : rows_of(metrics)) {
    if (is_result(key) && (all || differ(cells))) print_row(key, cells);
    else if (all) rest.emplace_back(key, cells);
    else ++left;
  }
  for (const auto& [key, cells] : rest) print_row(key, cells);
  if (left > 0) fmt::print("{} more metrics (equal ones, skills, losses, costs): --all\n", left);
  return 0;
}

}  // namespace scalselect::app
