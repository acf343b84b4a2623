// The foot of a report: counts, prompts, matchers, unreadable answers; and the second table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/report/reading.h"
#include "experiments/report/sections.h"
#include "report_fixtures.h"

namespace scalselect::report {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::make_collection;
using testing::make_run;
using ::testing::Not;

TEST(ReadingTest, SaysHowManyWereAnsweredAndByWhichRules) {
  auto full = make_run("full", 1, {80, 60}), random = make_run("random", 1, {40, 30});
  full.sheets[0].answered = random.sheets[0].answered = 9000;
  random.sheets[1].matcher = "vk-2026 (default)";
  const auto text = grid_markdown(reading_grid(make_collection({full, random}), "epochs"));
  EXPECT_THAT(text, HasSubstr("| one | 9,000 of 9,000 | 0.0 | llava | strict | 48 | 25.0 | 30.0 |"));
  EXPECT_THAT(text, HasSubstr("| strict, vk-2026 (default) |")) << "where runs differ all are named";
  EXPECT_THAT(reading_warnings(make_collection({full, random}), "epochs"), IsEmpty());
}

TEST(ReadingTest, WarnsOfAnswersThatCannotBeRead) {
  auto full = make_run("full", 1, {80, 60}), random = make_run("random", 1, {40, 30});
  random.benchmarks[1].unreadable = 0.031;
  full.benchmarks[1].unreadable = 0.01;
  const auto collection = make_collection({full, random});
  const auto warnings = reading_warnings(collection, "epochs");
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("two: up to 3.1 % of the answers cannot be read"));
  EXPECT_THAT(warnings[0], HasSubstr("more than 1 % for random 16 %)"));
  EXPECT_THAT(grid_markdown(unreadable_grid(collection, "epochs")),
              HasSubstr("| full | 0.00 | 1.00 |\n| random 16 % | 0.00 | 3.10 |\n"));
  const auto table = make_tables(collection, "random", {.replicates = 50}).front();
  EXPECT_EQ(table_grid(table).notes.at(0), warnings[0]) << "in the foot of the main table";
}

/// A benchmark with a second measure that the main table does not show, as POPE's accuracy.
void add_accuracy(ReportRun& run, double percent) {
  auto& scored = run.benchmarks[0];
  scored.metrics[0].metric.name = "f1";
  scored.metrics.push_back(testing::benchmark("x", percent).metrics[0]);
  scored.metrics[1].metric.column = false;
  scored.metrics[1].metric.display = "one acc";
}

TEST(MeasuresTest, ShowBothOfABenchmarkThatHasTwo) {
  auto full = make_run("full", 1, {80, 60}), random = make_run("random", 1, {40, 30});
  add_accuracy(full, 90);
  add_accuracy(random, 50);
  const auto table = make_tables(make_collection({full, random}), "random", {.replicates = 500}).front();
  EXPECT_EQ(table.columns.size(), 2U) << "Rel. is over the columns of the main table alone";
  ASSERT_EQ(table.measures.columns.size(), 2U) << "the second benchmark has nothing more to show";
  const auto grid = measures_grid(table.measures, {"full", "random 16 %"});
  EXPECT_EQ(grid.header, (std::vector<std::string>{"measure", "one F1", "one acc"}));
  EXPECT_THAT(grid_markdown(grid), HasSubstr("| random 16 % | 40.0 | 50.0 |\n| chance | 25.0 | 25.0 |\n"));
  EXPECT_LT(table.measures.cells[1][1].interval.low, 50);
  EXPECT_GT(table.measures.cells[1][1].interval.high, 50);
}

TEST(SectionsTest, EveryFormatHasThemWithoutNan) {
  const auto collection =
      make_collection({make_run("full", 1, {80, 60}), make_run("random", 1, {40, 30}), make_run("a", 1, {0, 0})});
  const auto table = make_tables(collection, "random", {.replicates = 100}).front();
  const auto sections = sections_of(collection, table, {});
  std::vector<std::string> ids;
  for (const auto& section : sections) {
    ids.push_back(section.id);
    for (const auto& text : {grid_text(section.grid), grid_markdown(section.grid), grid_latex(section.grid),
                             grid_html(section.grid, section.title)})
      EXPECT_THAT(text, Not(HasSubstr("nan"))) << section.id;
    for (const auto& row : section.grid.rows) EXPECT_EQ(row.cells.size(), section.grid.header.size()) << section.id;
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"resolved-epochs", "resolved-full-epochs", "reading-epochs",
                                           "unreadable-epochs", "tests-epochs", "tests-full-epochs"}));
}

}  // namespace
}  // namespace scalselect::report
