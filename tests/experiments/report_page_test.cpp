#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "experiments/report/comparison_plots.h"
#include "experiments/report/gnuplot.h"
#include "experiments/report/page.h"
#include "report_fixtures.h"

namespace scalselect::report {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::make_collection;
using testing::make_run;
using ::testing::Not;
using testing::TempFolder;

std::string page_of(Collection collection) {
  return page_html(collection, make_tables(collection, "random", {.replicates = 50}), {});
}

TEST(ReportPageTest, SaysWhereTheNumbersComeFrom) {
  const TempFolder folder;
  auto run = make_run("random", 7, {40, 30});
  run.row.provenance["cpu"] = "Another <CPU>";
  auto collection = make_collection({make_run("full", 7, {80, 60}), run});
  collection.pool = testing::make_pool(folder);
  const auto page = page_of(collection);
  for (const char* part :
       {"Made by <code>scalselect -m method=full,random</code>", "2026-09-21 14:13:20", "1.0 (0123456789ab)",
        "Some CPU, 2 threads", "Another &lt;CPU&gt;", "random7", "same processor", "Configuration of run random7"})
    EXPECT_THAT(page, HasSubstr(part));
}

TEST(ReportPageTest, NamesRowsThatWereLeftOutAndWarnings) {
  const TempFolder folder;
  auto full = make_run("full", 1, {80, 60}), one = make_run("random", 1, {40, 30}),
       other = make_run("length", 1, {50, 30});
  full.row_counts = one.row_counts = other.row_counts = {{"usable", 3}, {"rejected/empty <conversation>", 2}};
  other.row_counts["without_features/no picture"] = 17;
  one.row.warnings = other.row.warnings = {"a <warning> of both"};
  auto collection = make_collection({full, one, other});
  collection.pool = testing::make_pool(folder);
  const auto page = page_of(collection);
  EXPECT_THAT(page, HasSubstr("<a href=\"#rows\">"));
  EXPECT_THAT(page, HasSubstr("empty &lt;conversation&gt;</th><td>2</td><td>all"));
  EXPECT_THAT(page, HasSubstr("no picture</th><td>17</td><td>length 16 %"));
  EXPECT_THAT(page, HasSubstr("<li>a &lt;warning&gt; of both</li>"));
  EXPECT_EQ(page.find("of both"), page.rfind("of both"));
  collection.runs = {make_run("full", 1, {80, 60}), make_run("random", 1, {40, 30})};
  EXPECT_THAT(page_of(collection), Not(HasSubstr("id=\"rows\"")));
}

TEST(ReportPageTest, EveryEntryOfTheContentsLeadsSomewhere) {
  const TempFolder folder;
  auto collection = make_collection({make_run("full", 1, {80, 60}), make_run("random", 1, {40, 30})});
  collection.pool = testing::make_pool(folder);
  const auto page = page_of(collection);
  std::size_t links = 0;
  for (auto at = page.find("href=\"#"); at != std::string::npos; at = page.find("href=\"#", at + 1), ++links) {
    const auto id = page.substr(at + 7, page.find('"', at + 7) - at - 7);
    EXPECT_THAT(page, HasSubstr("id=\"" + id + "\""));
  }
  EXPECT_GE(links, 4u);
}

TEST(ReportPageTest, TextOfUsersStaysText) {
  const TempFolder folder;
  const std::string evil = "<script>alert(1)</script>\n</style>";
  auto run = make_run("random", 1, {40, 30}, {evil, "two"});
  auto collection = make_collection({make_run("full", 1, {80, 60}, {evil, "two"}), run});
  collection.experiment = evil;
  collection.failed = {evil};
  collection.runs[1].row.overrides = {evil};
  collection.runs[1].row.config["name"] = evil;
  collection.pool = testing::make_pool(folder);
  EXPECT_THAT(page_of(collection), Not(HasSubstr("<script>")));
}

TEST(ReportPlotsTest, ASourceOfSeveralLinesIsOneColumn) {
  const TempFolder folder;
  auto collection = make_collection({make_run("full", 1, {80, 60}), make_run("random", 1, {40, 30})});
  collection.pool = testing::make_pool(folder, "two\nlines, and a comma");
  Plot plot;
  try {
    plot = plot_composition(collection, folder.path);
  } catch (const UserError& error) {
    if (std::string(error.what()).find("cannot be started") != std::string::npos) GTEST_SKIP() << "no gnuplot";
    throw;
  }
  const auto csv = read_file(folder.path / "composition.csv");
  EXPECT_EQ(csv.substr(0, csv.find('\n')), "selection,plain,\"two lines, and a comma\"");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 3) << "header, pool, random";
  EXPECT_THAT(plot.svg, HasSubstr("two lines, and a comma"));
}

TEST(ReportPlotsTest, LossesOfOneDecadeHaveNumbersAndLinesHaveNames) {
  const TempFolder folder;
  auto run = make_run("random", 1, {40, 30});
  run.losses = {6.2, 5.4, 4.8};
  const auto collection = make_collection({make_run("full", 1, {80, 60}), run});
  Plot losses, ranking;
  try {
    losses = plot_training(collection, "epochs", {"random"}, folder.path);
    ranking = plot_ranking(make_tables(collection, "random", {.replicates = 50}).front(), folder.path);
  } catch (const UserError& error) {
    if (std::string(error.what()).find("cannot be started") != std::string::npos) GTEST_SKIP() << "no gnuplot";
    throw;
  }
  EXPECT_THAT(losses.svg, HasSubstr("<text> 5.2</text>"));
  const auto names = [](const std::string& svg) {
    std::size_t count = 0;
    for (auto at = svg.find(">random<"); at != std::string::npos; at = svg.find(">random<", at + 1)) ++count;
    return count;
  };
  EXPECT_EQ(names(ranking.svg), 2U) << "the row and the dashed line";
}

TEST(ReportPlotsTest, NamesNeitherReachAShellNorGnuplotsLanguage) {
  const TempFolder folder;
  const fs::path odd = folder.path / "r'; touch PWNED; '";
  fs::create_directories(odd);
  try {
    run_gnuplot(odd, "a'b/../c", "x,y\n1,2\n", "plot data using 1:2\n");
  } catch (const UserError& error) {
    if (std::string(error.what()).find("cannot be started") != std::string::npos) GTEST_SKIP() << "no gnuplot";
    throw;
  }
  EXPECT_FALSE(fs::exists("PWNED"));
  EXPECT_TRUE(fs::exists(odd / "a%27b%2F..%2Fc.svg"));
  EXPECT_THAT(testing::error_of([&] { run_gnuplot(odd, "bad", "x\n1\n", "no such command\n"); }),
              HasSubstr("gnuplot could not draw"));
  EXPECT_FALSE(fs::exists(odd / "bad.svg")) << "nothing is left under the final name";
}

TEST(ReportPlotsTest, WhereNothingIsRelativeThereIsNoEmptyPlot) {
  const auto collection = make_collection({make_run("full", 1, {0, 0}), make_run("random", 1, {40, 30})});
  EXPECT_FALSE(has_ranking(make_tables(collection, "random", {.replicates = 50}).front()));
}

}  // namespace
}  // namespace scalselect::report
