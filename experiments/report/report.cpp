#include "experiments/report/report.h"

#include "core/files.h"
#include "experiments/report/collect.h"
#include "experiments/report/page.h"
#include "experiments/report/plots.h"
#include "experiments/report/table.h"

namespace scalselect::report {
namespace {

std::string joined(const std::vector<Table>& tables, const auto& render) {
  std::string text;
  for (const auto& table : tables) {
    if (tables.size() > 1) text += (text.empty() ? "at equal " : "\nat equal ") + table.regime + "\n\n";
    text += render(table);
  }
  return text;
}

nlohmann::ordered_json tables_json(const std::vector<Table>& tables, const ReportRequest& request) {
  nlohmann::ordered_json tree = {
      {"experiment", request.experiment}, {"command", request.command}, {"tables", nlohmann::ordered_json::array()}};
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
                      {"mean_skill", row.skills}});
    }
    tree["tables"].push_back({{"regime", table.regime}, {"rows", rows}});
  }
  return tree;
}

}  // namespace

ReportFiles write_report(const ReportRequest& request) {
  const Store store(request.store, Store::Mode::kReadOnly);
  const auto collection = collect(store, request.experiment);
  const auto tables = make_tables(collection, request.against);
  ensure_folder(request.folder);
  std::string markdown = "Made by `" + request.command + "`.\n\n" + joined(tables, table_markdown);
  for (const auto& table : tables) {
    const auto skills = skills_markdown(collection, table.regime);
    if (!skills.empty()) markdown += "\nAccuracy by skill, %, at equal " + table.regime + "\n\n" + skills;
  }
  write_file_atomically(request.folder / "table.md", markdown);
  write_file_atomically(request.folder / "costs.md", costs_markdown(collection, tables.front().regime));
  write_file_atomically(request.folder / "table.tex",
                        joined(tables, [&](const Table& table) { return table_latex(table, request.command); }));
  write_file_atomically(request.folder / "table.csv", table_csv(collection));
  write_file_atomically(request.folder / "table.json", tables_json(tables, request).dump(1) + "\n");
  const auto plots = draw_plots(collection, tables, request.folder);
  const auto page = request.folder / "report.html";
  write_file_atomically(page, page_html(collection, tables, plots, request.command));
  return {joined(tables, table_text), page};
}

}  // namespace scalselect::report
