#include "experiments/report/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "experiments/report/collect.h"
#include "experiments/report/origin.h"
#include "experiments/report/page.h"
#include "experiments/report/plots.h"
#include "experiments/report/table.h"
#include "experiments/report/text.h"

namespace scalselect::report {
namespace {

namespace fs = std::filesystem;

/// The tables in one format (grid_text, ...), each below its regime if there are several.
std::string joined(const std::vector<Table>& tables, std::string (*write)(const Grid&)) {
  std::string text;
  for (const auto& table : tables) {
    if (tables.size() > 1) text += (text.empty() ? "at equal " : "\nat equal ") + table.regime + "\n\n";
    text += write(table_grid(table));
  }
  return text;
}

std::string markdown(const Collection& collection, const std::vector<Table>& tables) {
  std::string text;
  for (const auto& command : commands_of(collection)) text += "Made by `" + one_line(command) + "`.\n\n";
  text += joined(tables, grid_markdown);
  text +=
      "\nBold: the best at its budget; italics: the second. What prints the same is ranked the same; the full pool is "
      "not ranked.\n";
  for (const auto& table : tables) {
    const auto skills = skills_grid(collection, table.regime);
    if (!skills.rows.empty())
      text += "\nAccuracy by skill, %, at equal " + table.regime + "\n\n" + grid_markdown(skills);
  }
  return text + "\n" + grid_markdown(machines_grid(collection));
}

std::string latex(const Collection& collection, const std::vector<Table>& tables) {
  std::string text = "% \\usepackage{booktabs,graphicx}  (letters beyond Latin need xelatex or lualatex)\n";
  for (const auto& command : commands_of(collection)) text += "% " + one_line(command) + "\n";
  return text + joined(tables, grid_latex) +
         "\n\\noindent Bold: the best at its budget; underlined: the second. What prints the same is ranked the same; "
         "the full pool is not ranked.\n";
}

nlohmann::ordered_json tables_json(const Collection& collection, const std::vector<Table>& tables) {
  nlohmann::ordered_json tree = {{"experiment", collection.experiment},
                                 {"commands", commands_of(collection)},
                                 {"machines", machines_of(collection)},
                                 {"tables", nlohmann::ordered_json::array()}};
  for (const auto& table : tables) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const auto& row : table.rows) {
      nlohmann::ordered_json cells;
      for (std::size_t i = 0; i < row.cells.size(); ++i)
        cells[table.columns[i].display] = {
            {"mean", row.cells[i].mean}, {"std", row.cells[i].std}, {"chance", table.chance[i]}};
      rows.push_back({{"method", row.method},
                      {"budget", row.budget},
                      {"seeds", row.seeds},
                      {"steps", row.steps},
                      {"cells", cells},
                      {"rel", row.relative.value},
                      {"rel_std", row.relative_std},
                      {"rel_low", row.relative.interval.low},
                      {"rel_high", row.relative.interval.high},
                      {"rel_above_chance", row.above_chance},
                      {"vs_" + table.reference, row.against.value},
                      {"vs_" + table.reference + "_low", row.against.interval.low},
                      {"vs_" + table.reference + "_high", row.against.interval.high},
                      {"mean_skill", row.skills},
                      {"machines", row.machines}});
    }
    tree["tables"].push_back({{"regime", table.regime}, {"left_out_of_rel", table.left_out}, {"rows", rows}});
  }
  return tree;
}

/// What table.json of an earlier report says; not an object where there is none.
nlohmann::json earlier_report(const fs::path& folder) {
  std::error_code code;
  if (!fs::is_regular_file(folder / "table.json", code)) return {};
  return nlohmann::json::parse(read_file(folder / "table.json"), nullptr, false);
}

/// Files that an earlier report of this experiment listed as its own and the new one does not have.
void remove_stale(const fs::path& folder, const nlohmann::json& earlier, const std::vector<std::string>& files) {
  if (!earlier.is_object()) return;
  for (const auto& item : earlier.value("files", nlohmann::json::array())) {
    const auto name = item.is_string() ? item.get<std::string>() : std::string();
    const bool plain = !name.empty() && name == file_name(name);  // never a path out of the folder
    std::error_code code;
    if (plain && std::find(files.begin(), files.end(), name) == files.end()) fs::remove(folder / name, code);
  }
}

/// The plots, or none and a warning: hours of computing are not lost for want of their pictures.
std::vector<Plot> plots_if_possible(const Collection& collection, const std::vector<Table>& tables,
                                    const fs::path& folder) {
  try {
    return draw_plots(collection, tables, folder);
  } catch (const UserError& error) {
    if (error.kind() != ErrorKind::kEnvironment) throw;
    log_warning("the report has no plots: {} `scalselect report experiment={}` will draw them.", error.what(),
                collection.experiment);
    return {};
  }
}

/// Where the runs of the experiment were configured to put their report.
fs::path folder_of_runs(const Collection& collection) {
  const auto& config = collection.runs.front().row.config;
  const auto found = config.find("report");
  if (found != config.end() && found->is_string() && !found->get<std::string>().empty())
    return found->get<std::string>();
  return default_folder(collection.experiment);
}

}  // namespace

fs::path default_folder(const std::string& experiment) {
  fs::path folder = "results/local/report";
  for (std::size_t begin = 0; begin <= experiment.size();) {
    const auto end = std::min(experiment.find('/', begin), experiment.size());
    folder /= file_name(experiment.substr(begin, end - begin));
    begin = end + 1;
  }
  return folder;
}

void check_folder(const fs::path& folder, const std::string& experiment) {
  const auto earlier = earlier_report(folder);
  const auto owner = earlier.is_object() ? earlier.value("experiment", nlohmann::json()) : nlohmann::json();
  if (!owner.is_string() || owner.get<std::string>() == experiment) return;
  throw UserError(ErrorKind::kUsage,
                  fmt::format("The folder '{}' holds the report of experiment '{}', not of '{}'.", folder.string(),
                              owner.get<std::string>(), experiment),
                  "Name another folder (report= of a run, out= of `scalselect report`), or remove this one.");
}

ReportFiles write_report(const ReportRequest& request) {
  const Store store(request.store, Store::Mode::kReadOnly);
  const auto collection = collect(store, request.experiment);
  const auto tables = make_tables(collection, request.against, bootstrap_options(collection));
  const auto folder = request.folder.empty() ? folder_of_runs(collection) : request.folder;
  check_folder(folder, request.experiment);
  const auto earlier = earlier_report(folder);
  ensure_folder(folder);
  const auto plots = plots_if_possible(collection, tables, folder);
  std::vector<std::string> files;
  for (const auto& plot : plots) {
    for (const char* ending : {".svg", ".csv"}) files.push_back(file_name(plot.name) + ending);
  }
  const auto write = [&](const std::string& name, const std::string& bytes) {
    write_file_atomically(folder / name, bytes);
    files.push_back(name);
  };
  write("table.md", markdown(collection, tables));
  write("costs.md", grid_markdown(costs_grid(collection, tables.front().regime)));
  write("table.tex", latex(collection, tables));
  write("table.csv", table_csv(collection));
  write("report.html", page_html(collection, tables, plots));
  auto tree = tables_json(collection, tables);
  files.emplace_back("table.json");
  tree["files"] = files;
  write_file_atomically(folder / "table.json", tree.dump(1) + "\n");
  remove_stale(folder, earlier, files);
  return {joined(tables, grid_text), folder / "report.html"};
}

}  // namespace scalselect::report
