#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/subprocess.h"
#include "experiments/report/table.h"
#include "report_fixtures.h"

namespace scalselect::report {
namespace {

using ::testing::HasSubstr;
using testing::make_collection;
using testing::make_run;
using ::testing::Not;

const eval::BootstrapOptions kQuick{.replicates = 100};

Table table_of(std::vector<ReportRun> runs) {
  return make_tables(make_collection(std::move(runs)), "random", kQuick).front();
}

std::size_t column(const Grid& grid, const std::string& name) {
  const auto found = std::find(grid.header.begin(), grid.header.end(), name);
  EXPECT_NE(found, grid.header.end()) << name;
  return static_cast<std::size_t>(found - grid.header.begin());
}

std::vector<Mark> marks(const Grid& grid, const std::string& name) {
  std::vector<Mark> all;
  for (const auto& row : grid.rows) all.push_back(row.cells[column(grid, name)].mark);
  return all;
}

TEST(ReportTableTest, HasARowPerMethodAndSaysWhatItIsWorth) {
  const auto grid = table_grid(
      table_of({make_run("full", 1, {80, 60}), make_run("random", 1, {40, 30}), make_run("scalselect", 1, {60, 45})}));
  ASSERT_EQ(grid.rows.size(), 5u);
  EXPECT_EQ(grid.rows[2].cells[0].text, "scalselect");
  EXPECT_EQ(grid.rows[2].cells[column(grid, "Rel. %")].text, "75.0");
  EXPECT_THAT(grid.rows[2].cells[column(grid, "vs random")].text, HasSubstr("+25.0 ["));
  EXPECT_EQ(grid.rows[2].cells[column(grid, "geometric")].text, "75.0") << "both ratios are 0.75";
  EXPECT_EQ(grid.rows[3].cells[column(grid, "one")].text, "25.0") << "chance";
  EXPECT_EQ(grid.rows[4].cells[0].text, "constant answer");
  EXPECT_EQ(grid.rows[4].cells[column(grid, "one")].text, "30.0");
  EXPECT_TRUE(grid.notes.empty());
}

TEST(ReportTableTest, TiesAreMarkedAlike) {
  const auto grid =
      table_grid(table_of({make_run("full", 1, {80, 60}), make_run("random", 1, {40, 30}), make_run("a", 1, {60, 30}),
                           make_run("b", 1, {60, 30}), make_run("c", 1, {50, 30}), make_run("d", 1, {50, 30})}));
  using enum Mark;
  EXPECT_EQ(marks(grid, "one"), (std::vector<Mark>{kNone, kNone, kBest, kBest, kSecond, kSecond, kNone, kNone}));
  EXPECT_EQ(marks(grid, "two"), std::vector<Mark>(8, kNone)) << "where all are equal none is best";
}

TEST(ReportTableTest, AColumnWhereTheFullPoolScoredZeroIsLeftOutAndNamed) {
  const auto table =
      table_of({make_run("full", 1, {0, 60}), make_run("random", 1, {10, 30}), make_run("a", 1, {0, 45})});
  const auto grid = table_grid(table);
  EXPECT_EQ(grid.rows[2].cells[column(grid, "Rel. %")].text, "75.0");
  EXPECT_EQ(grid.rows[2].cells[column(grid, "Rel. %")].mark, Mark::kBest);
  ASSERT_FALSE(grid.notes.empty());
  EXPECT_EQ(grid.notes[0], "Rel. leaves out one: the full pool scored 0 there, and nothing is relative to 0.");
  EXPECT_THAT(grid_text(grid), Not(HasSubstr("nan")));
}

TEST(ReportTableTest, NothingIsRelativeToNothing) {
  const auto table =
      table_of({make_run("full", 1, {0, 0}), make_run("random", 1, {10, 30}), make_run("a", 1, {0, 45})});
  const auto grid = table_grid(table);
  EXPECT_EQ(marks(grid, "Rel. %"), std::vector<Mark>(5, Mark::kNone));
  EXPECT_EQ(grid.rows[1].cells[column(grid, "Rel. %")].text, "–");
  EXPECT_THAT(grid.notes.at(0), HasSubstr("the full pool scored 0 on every benchmark"));
  for (const auto& text : {grid_text(grid), grid_markdown(grid), grid_latex(grid), grid_html(grid, "x")})
    EXPECT_THAT(text, Not(HasSubstr("nan")));
}

TEST(ReportTableTest, RunsFromOtherMachinesAreMarked) {
  auto other = make_run("a", 1, {60, 45});
  other.row.provenance["cpu"] = "Another CPU";
  const auto grid = table_grid(table_of({make_run("full", 1, {80, 60}), make_run("random", 1, {40, 30}), other}));
  EXPECT_EQ(grid.rows[0].cells[column(grid, "machine")].text, "A");
  EXPECT_EQ(grid.rows[2].cells[column(grid, "machine")].text, "B");
  EXPECT_THAT(grid.notes.at(0), HasSubstr("different machines"));
}

TEST(ReportTableTest, CsvIsLongAndSafe) {
  const auto collection = make_collection({make_run("full", 1, {80}, {"=HYPERLINK(1)"})});
  EXPECT_EQ(table_csv(collection),
            "regime,method,budget,seed,benchmark,metric,value,chance,run_id\n"
            "epochs,full,1.0,1,'=HYPERLINK(1),accuracy,80,25,full1\n");
}

TEST(ReportTableTest, AskingForWhatIsNotThereIsASentence) {
  EXPECT_THAT(testing::error_of([] {
                make_tables(make_collection({make_run("random", 1, {40, 30})}), "random", kQuick);
              }),
              HasSubstr("no finished run on the full pool"));
  const auto collection = make_collection({make_run("full", 1, {80, 60}), make_run("herding", 1, {40, 30})});
  EXPECT_THAT(testing::error_of([&] { make_tables(collection, "herdin", kQuick); }),
              HasSubstr("has no run of 'herdin' to compare with. Did you mean 'herding'?"));
}

/// What would stop LaTeX or change the table's shape; empty if nothing.
std::string latex_fault(const std::string& text) {
  int braces = 0, cells = -1, in_row = 1;
  bool math = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {  // a comment
      i = std::min(text.find('\n', i), text.size());
    } else if (c == '\\') {
      if (text.compare(i, 3, "\\pm") == 0 && !math) return "\\pm outside of math";
      if (text.compare(i, 8, "\\textbf{") == 0 && math) return "\\textbf in math";
      if (i + 1 < text.size() && text[i + 1] == '\\') {
        if (cells >= 0 && cells != in_row) return "rows of different length";
        cells = in_row;
        in_row = 1;
      }
      ++i;
    } else if (c == '$') {
      math = !math;
    } else if (c == '{') {
      ++braces;
    } else if (c == '}') {
      if (--braces < 0) return "a brace too many";
    } else if (c == '&') {
      ++in_row;
    } else if (c == '#' || c == '~' || ((c == '_' || c == '^') && !math)) {
      return std::string("a bare ") + c;
    }
  }
  if (math) return "math is not closed";
  return braces != 0 ? "braces do not match" : "";
}

Grid hostile_grid() {
  const std::vector<std::string> names = {"k_center & 50 % #1\n\\end{tabular}", "[x] $\\alpha$ ^~{"};
  return table_grid(table_of({make_run("full", 1, {80, 60}, names), make_run("full", 2, {75, 60}, names),
                              make_run("*random", 1, {40, 30}, names), make_run("*random", 2, {45, 30}, names),
                              make_run("[a]_b", 1, {60, 40}, names), make_run("[a]_b", 2, {50, 45}, names)}));
}

TEST(ReportTableTest, LatexIsWellFormed) {
  const auto latex = grid_latex(hostile_grid());
  EXPECT_EQ(latex_fault(latex), "") << latex;
  EXPECT_THAT(latex, HasSubstr("$\\pm$"));
  EXPECT_THAT(latex, HasSubstr("\\resizebox{\\ifdim\\width>\\linewidth"));
  EXPECT_EQ(latex_fault("\\ensuremath{\\textbf{0.0 \\pm 0.0}}"), "\\pm outside of math") << "the checker sees it";
}

TEST(ReportTableTest, LatexCompiles) {
  const testing::TempFolder folder;
  write_file_atomically(folder.path / "t.tex",
                        "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n" +
                            grid_latex(hostile_grid()) + "\\end{document}\n");
  const auto run = run_program({"pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"}, folder.path);
  if (run.status == -1) GTEST_SKIP() << "pdflatex is not installed; LatexIsWellFormed has checked the structure";
  EXPECT_EQ(run.status, 0) << run.out;
  EXPECT_THAT(run.out, Not(HasSubstr("Overfull"))) << "wider than the text";
}

TEST(ReportTableTest, CostsAndSkillsHaveDashesWhereNothingIsKnown) {
  auto run = make_run("random", 1, {40, 30});
  run.selection = {{"cpu_s", 1.5}, {"added_bytes", 2097152}};
  run.skills = {{"count", 4, 75, 25, 50}};
  const auto full = make_run("full", 1, {80, 60});
  const auto collection = make_collection({full, run});
  EXPECT_THAT(grid_markdown(costs_grid(collection, "epochs")),
              HasSubstr("| full | – | – | – | – |\n| random 16 % | 1.50 | 2 | – | – |\n"));
  EXPECT_THAT(
      grid_markdown(skills_grid(collection, "epochs")),
      HasSubstr("| questions | 4 |\n| chance | 25.0 |\n| majority | 50.0 |\n| full | – |\n| random 16 % | 75.0 |"));
}

}  // namespace
}  // namespace scalselect::report
