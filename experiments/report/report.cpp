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
#include "experiments/report/sections.h"
#include "experiments/report/table.h"
#include "experiments/report/text.h"

namespace scalselect::report {
namespace {

namespace fs = std::filesystem;

/// A table with what belongs to it.
struct Chapter {
  Table table;
  std::vector<Section> sections;
};

/// The tables in one format (grid_text, ...), each below its regime if there are several.
std::string joined(const std::vector<Chapter>& chapters, std::string (*write)(const Grid&)) {
  std::string text;
  for (const auto& [table, sections] : chapters) {
    if (chapters.size() > 1) text += (text.empty() ? "at equal " : "\nat equal ") + table.regime + "\n\n";
    text += write(table_grid(table));
  }
  return text;
}

/// The sections of all chapters in one format, those for a terminal or a paper, or all; `title` writes a title.
template <class Title>
std::string sections_text(const std::vector<Chapter>& chapters, bool all, std::string (*write)(const Grid&),
                          const Title& title) {
  std::string text;
  for (const auto& chapter : chapters) {
    for (const auto& section : chapter.sections) {
      if (all || section.brief) text += "\n" + title(section.title) + "\n" + write(section.grid);
    }
  }
  return text;
}

std::string terminal(const Collection& collection, const std::vector<Chapter>& chapters) {
  const auto others = sentence_on_other_runs(collection);
  return joined(chapters, grid_text) +
         sections_text(chapters, false, grid_text, [](const std::string& title) { return title; }) +
         (others.empty() ? "" : "\n" + others + "\n");
}

std::string markdown(const Collection& collection, const std::vector<Chapter>& chapters) {
  std::string text;
  for (const auto& command : commands_of(collection)) text += "Made by `" + one_line(command) + "`.\n\n";
  text += joined(chapters, grid_markdown);
  text +=
      "\nBold: the best at its budget; italics: the second. What prints the same is ranked the same; the full pool is "
      "not ranked.\n";
  if (const auto others = sentence_on_other_runs(collection); !others.empty()) text += "\n" + others + "\n";
  text += sections_text(chapters, true, grid_markdown,
                        [](const std::string& title) { return "## " + markdown_text(title) + "\n"; });
  for (const auto& [table, sections] : chapters) {
    const auto skills = skills_grid(collection, table.regime);
    if (!skills.rows.empty())
      text += "\n## Accuracy by skill, %, at equal " + table.regime + "\n\n" + grid_markdown(skills);
  }
  return text + "\n" + grid_markdown(machines_grid(collection));
}

std::string latex(const Collection& collection, const std::vector<Chapter>& chapters) {
  std::string text = "% \\usepackage{booktabs,graphicx}  (letters beyond Latin need xelatex or lualatex)\n";
  for (const auto& command : commands_of(collection)) text += "% " + one_line(command) + "\n";
  text += joined(chapters, grid_latex) +
          "\n\\noindent Bold: the best at its budget; underlined: the second. What prints the same is ranked the same; "
          "the full pool is not ranked.\n";
  return text + sections_text(chapters, false, grid_latex, [](const std::string& title) {
           return "\\bigskip\\noindent\\textit{" + latex_text(title) + "}\\par\n";
         });
}

nlohmann::ordered_json interval_json(const eval::Interval& interval) { return {interval.low, interval.high}; }

nlohmann::ordered_json comparison_json(const Comparison& comparison) {
  auto tests = nlohmann::ordered_json::array(), resolved = nlohmann::ordered_json::array();
  for (const auto& test : comparison.tests) {
    tests.push_back({{"row", test.label},
                     {"column", test.column},
                     {"difference", test.difference.value},
                     {"interval", interval_json(test.difference.interval)},
                     {"questions", test.answers.units},
                     {"images", test.answers.clusters},
                     {"pairs", test.pairs},
                     {"n10", test.answers.n10},
                     {"n01", test.answers.n01},
                     {"p_mcnemar", test.mcnemar},
                     {"p_bootstrap", test.difference.p},
                     {"p", test.p},
                     {"p_holm", test.adjusted},
                     {"detectable", test.detectable}});
  }
  for (const auto& item : comparison.resolutions) {
    resolved.push_back({{"row", item.label},
                        {"seeds", item.seeds},
                        {"difference", item.difference.value},
                        {"interval", interval_json(item.difference.interval)},
                        {"question_error", item.difference.question_error},
                        {"seed_deviation", item.difference.seed_deviation},
                        {"p", item.difference.p},
                        {"p_holm", item.adjusted},
                        {"resolved", item.resolved},
                        {"detectable", item.detectable}});
    if (item.seeds_for_point) resolved.back()["seeds_for_point"] = *item.seeds_for_point;
    if (item.questions_for_point) resolved.back()["questions_for_point"] = *item.questions_for_point;
  }
  return {{"against", comparison.against}, {"rel", resolved}, {"columns", tests}};
}

nlohmann::ordered_json measures_json(const Measures& measures, std::size_t row) {
  auto tree = nlohmann::ordered_json::object();
  for (std::size_t c = 0; c < measures.columns.size(); ++c) {
    const auto& cell = measures.cells[row][c];
    tree[measures.origins[c].benchmark + "/" + measures.columns[c].name] = {
        {"mean", cell.mean}, {"std", cell.std}, {"interval", interval_json(cell.interval)}};
  }
  return tree;
}

nlohmann::ordered_json sheets_json(const Collection& collection, const std::string& regime) {
  auto tree = nlohmann::ordered_json::array();
  for (const auto& run : collection.runs) {
    for (std::size_t b = 0; run.regime == regime && b < run.sheets.size(); ++b) {
      const auto& sheet = run.sheets[b];
      tree.push_back({{"run", run.row.id},
                      {"benchmark", sheet.benchmark},
                      {"answered", sheet.answered},
                      {"unusable", sheet.left_out()},
                      {"unreadable", run.benchmarks[b].unreadable},
                      {"prompt", sheet.style},
                      {"matcher", sheet.matcher},
                      {"max_new_tokens", sheet.max_new_tokens},
                      {"file_sha256", sheet.file_digest}});
    }
  }
  return tree;
}

nlohmann::ordered_json tables_json(const Collection& collection, const std::vector<Chapter>& chapters) {
  nlohmann::ordered_json tree = {{"experiment", collection.experiment},
                                 {"commands", commands_of(collection)},
                                 {"machines", machines_of(collection)},
                                 {"tables", nlohmann::ordered_json::array()}};
  for (const auto& [table, sections] : chapters) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      const auto& row = table.rows[r];
      nlohmann::ordered_json cells;
      for (std::size_t i = 0; i < row.cells.size(); ++i)
        cells[table.columns[i].display] = {{"mean", row.cells[i].mean},
                                           {"std", row.cells[i].std},
                                           {"interval", interval_json(row.cells[i].interval)},
                                           {"chance", table.chance[i]},
                                           {"majority", table.majority[i]}};
      rows.push_back({{"method", row.method},
                      {"budget", row.budget},
                      {"seeds", row.seeds},
                      {"steps", row.steps},
                      {"cells", cells},
                      {"rel", row.relative.value},
                      {"rel_std", row.relative_std},
                      {"rel_low", row.relative.interval.low},
                      {"rel_high", row.relative.interval.high},
                      {"rel_geometric", row.geometric},
                      {"rel_above_chance", row.above_chance},
                      {"complete", row.complete},
                      {"measures", measures_json(table.measures, r)},
                      {"vs_" + table.reference, row.against.value},
                      {"vs_" + table.reference + "_low", row.against.interval.low},
                      {"vs_" + table.reference + "_high", row.against.interval.high},
                      {"mean_skill", row.skills},
                      {"machines", row.machines}});
    }
    auto comparisons = nlohmann::ordered_json::array();
    for (const auto& comparison : table.comparisons) comparisons.push_back(comparison_json(comparison));
    tree["tables"].push_back({{"regime", table.regime},
                              {"left_out_of_rel", table.left_out},
                              {"warnings", table.warnings},
                              {"rows", rows},
                              {"comparisons", comparisons},
                              {"answers", sheets_json(collection, table.regime)}});
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

/// A table's part of tests.csv and published.csv.
template <class Write>
std::string csv_of(const std::vector<Chapter>& chapters, const Write& write) {
  std::string text;
  for (const auto& chapter : chapters) text += write(chapter.table, text.empty());
  return text;
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
  const auto data = request.published.empty() ? published_folder() : request.published;
  const Published published{published_tables(request.experiment, data), published_metrics(data)};
  std::vector<Chapter> chapters;
  for (const auto& table : tables) chapters.push_back({table, sections_of(collection, table, published)});
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
  write("table.md", markdown(collection, chapters));
  write("costs.md", grid_markdown(costs_grid(collection, tables.front().regime)));
  write("table.tex", latex(collection, chapters));
  write("table.csv", table_csv(collection));
  write("tests.csv", csv_of(chapters, [](const Table& table, bool header) {
          return tests_csv(table.regime, table.comparisons, header);
        }));
  if (!published.tables.empty()) {
    write("published.csv", csv_of(chapters, [&](const Table& table, bool header) {
            const auto pairs = pair_with_published(table, published.tables, published.metrics);
            return published_csv(table.regime, pairs, header);
          }));
  }
  write("report.html", page_html(collection, tables, plots, published));
  auto tree = tables_json(collection, chapters);
  files.emplace_back("table.json");
  tree["files"] = files;
  write_file_atomically(folder / "table.json", tree.dump(1) + "\n");
  remove_stale(folder, earlier, files);
  return {terminal(collection, chapters), folder / "report.html"};
}

}  // namespace scalselect::report
