#include <gtest/gtest.h>

#include <set>

#include "experiments/report/grid.h"
#include "experiments/report/report.h"
#include "experiments/report/text.h"

namespace scalselect::report {
namespace {

TEST(ReportTextTest, CsvCellsAreNotFormulasAndNumbersStay) {
  for (const char* formula : {"=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "-x"})
    EXPECT_EQ(csv_text(formula)[0], '\'') << formula;
  for (const char* plain : {"-1.5", "+3", "-1e-9", "1", "k_center", "", "a=b"}) EXPECT_EQ(csv_text(plain), plain);
  EXPECT_EQ(csv_field("=1,2"), "\"'=1,2\"");
  EXPECT_EQ(csv_field("say \"a\""), "\"say \"\"a\"\"\"");
  EXPECT_EQ(csv_field("a\nb\r\nc"), "a b  c");
}

TEST(ReportTextTest, LatexTakesEveryCharacter) {
  EXPECT_EQ(latex_text("50 % of k_center & #1 {x} $y^2~"),
            "50 \\% of k\\_center \\& \\#1 \\{x\\} \\$y\\textasciicircum{}2\\textasciitilde{}");
  EXPECT_EQ(latex_text("\\input{/etc/passwd}\n\\end{tabular}"),
            "\\textbackslash{}input\\{/etc/passwd\\} \\textbackslash{}end\\{tabular\\}");
  EXPECT_EQ(latex_text("33.8 ± 1.2"), "33.8 $\\pm$ 1.2");
  EXPECT_EQ(latex_text("-1.3 [-6.7, 4.2]"), "$-$1.3 {[}$-$6.7, 4.2]");
  EXPECT_EQ(latex_text("mini-2"), "mini-2") << "a hyphen is not a sign";
}

TEST(ReportTextTest, MarkdownAndHtmlShowWhatIsMeant) {
  EXPECT_EQ(markdown_text("a|b\nc <u> *x* k_center _y_"), "a\\|b c &lt;u> \\*x\\* k_center \\_y\\_");
  EXPECT_EQ(markdown_text("[x](http://a)"), "[x\\](http://a)");
  EXPECT_EQ(html_text("<script>\"&\"</script>"), "&lt;script&gt;&quot;&amp;&quot;&lt;/script&gt;");
}

TEST(ReportTextTest, ShellWordsComeBackAsTheyWere) {
  EXPECT_EQ(shell_text({"scalselect", "-m", "method=full,random", "name=it's", "budget=[1,2]", ""}),
            "scalselect -m method=full,random 'name=it'\\''s' 'budget=[1,2]' ''");
  EXPECT_EQ(gnuplot_text("it's\n"), "'it''s '");
}

TEST(ReportTextTest, FileNamesAreSafeAndDifferent) {
  EXPECT_EQ(file_name("spectrum-scalselect"), "spectrum-scalselect");
  EXPECT_EQ(file_name("scores-0.5"), "scores-0.5");
  EXPECT_EQ(file_name(".."), "%2E%2E");
  EXPECT_EQ(file_name("a/b"), "a%2Fb");
  EXPECT_EQ(file_name("r'; touch PWNED; '"), "r%27%3B%20touch%20PWNED%3B%20%27");
  std::set<std::string> names;
  for (const std::string name : {"", ".", "..", "a b", "a%20b", "a_b", "a\nb"}) names.insert(file_name(name));
  EXPECT_EQ(names.size(), 7u);
  const std::string longer(300, 'x');
  EXPECT_LT(file_name(longer).size(), 130u);
  EXPECT_NE(file_name(longer), file_name(longer + "y"));
}

TEST(ReportFolderTest, EveryExperimentHasItsOwnBelowResults) {
  EXPECT_EQ(default_folder("tiny"), "results/local/report/tiny");
  EXPECT_EQ(default_folder("mini/demo"), "results/local/report/mini/demo");
  for (const std::string name : {"../../etc", "/etc", "a/../../b", "..", ""}) {
    const auto folder = default_folder(name);
    EXPECT_EQ(folder.lexically_normal(), folder) << folder;
    EXPECT_EQ(folder.string().rfind("results/local/report/", 0), 0u) << folder;
  }
}

TEST(GridTest, TerminalColumnsLineUpByCharacters) {
  const Grid grid{{"name", "b"}, {plain_row({"é", "1.0 ± 0.2"}), plain_row({"long name", "–"})}, {"A note."}};
  EXPECT_EQ(grid_text(grid), "name             b\né          1.0±0.2\nlong name        –\nA note.\n");
}

TEST(GridTest, MarksInEachFormat) {
  const Grid grid{{"m", "v"}, {{{{"a"}, {"2.0", Mark::kBest}}}, {{{"b"}, {"1.0", Mark::kSecond}}}}, {}};
  EXPECT_EQ(grid_markdown(grid), "| m | v |\n| --- | ---: |\n| a | **2.0** |\n| b | *1.0* |\n");
  EXPECT_NE(grid_latex(grid).find("a & \\textbf{2.0} \\\\\nb & \\underline{1.0} \\\\\n"), std::string::npos);
  const auto html = grid_html(grid, "Say \"x\"");
  EXPECT_NE(html.find("<td><b>2.0</b></td>"), std::string::npos);
  EXPECT_NE(html.find("tabindex=\"0\" role=\"region\" aria-label=\"Say &quot;x&quot;\""), std::string::npos);
  EXPECT_NE(html.find("<caption><span>Say &quot;x&quot;</span></caption>"), std::string::npos);
}

}  // namespace
}  // namespace scalselect::report
