// Numbers of papers beside ours: the data files that are shipped, and what is made of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/files.h"
#include "experiments/report/published.h"
#include "report_fixtures.h"

namespace scalselect::report {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::make_collection;
using testing::make_run;
using ::testing::Not;
using testing::TempFolder;

const fs::path kShipped = fs::path(SCALSELECT_SOURCE_DIR) / "results" / "paper";

/// Files of one experiment "x": full, two methods at 16 %, one of them at another budget, too.
class PublishedTest : public ::testing::Test {
 protected:
  PublishedTest() {
    write("experiments.csv",
          "# a comment\nexperiment,name,file,model,pool,methods,samples,source\n"
          "x,Paper,t.csv,M,P,,16,\"They say, \"\"so\"\".\"\n");
    write(
        "metrics.csv",
        "metric,kind,language,names,display,note\nai2d,ai2d,,accuracy,AI2D,masked or not\nmme,mme,,perception,MME-P,\n"
        "rel,,,,Rel. %,\n");
    write("t.csv",
          "model,pool,method,samples,metric,value,status\nM,P,full,100,rel,100,A\nM,P,full,100,ai2d,50.5,A\n"
          "M,P,random,16,rel,40,B\nM,P,theirs,16,rel,97.5,B\nM,P,theirs,16,mme,1400,B\nM,P,theirs,50,rel,99,B\n"
          "Other,P,full,100,rel,100,A\n");
  }
  void write(const std::string& name, const std::string& bytes) { write_file_atomically(folder_.path / name, bytes); }
  Table table() const {
    return make_tables(make_collection({make_run("full", 1, {80}, {"one"}), make_run("random", 1, {40}, {"one"}),
                                        make_run("ours", 1, {60}, {"one"})}),
                       "random", {.replicates = 200})
        .front();
  }
  TempFolder folder_;
};

TEST_F(PublishedTest, RowsOfBothSidesStandTogether) {
  const auto tables = published_tables("x", folder_.path);
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].source, "They say, \"so\".");
  EXPECT_EQ(tables[0].values.size(), 5U) << "neither the other budget nor the other model";
  EXPECT_TRUE(published_tables("y", folder_.path).empty());
  const auto grid = published_grid(table(), tables, published_metrics(folder_.path));
  EXPECT_EQ(grid.header, (std::vector<std::string>{"method", "budget", "numbers", "AI2D", "MME-P", "Rel. %"}));
  const auto markdown = grid_markdown(grid);
  EXPECT_THAT(markdown, HasSubstr("| full | 100 % | ours | 80.0 | – | 100.0 |\n"
                                  "|  |  | Paper | 50.50 A | – | 100.00 A |\n"));
  EXPECT_THAT(markdown, HasSubstr("| +29.5 ["));
  EXPECT_THAT(markdown, HasSubstr("| random | 16 % | ours | 40.0 | – | 50.0 |\n|  |  | Paper | – | – | 40.00 B |\n"));
  EXPECT_THAT(markdown, HasSubstr("| difference | – | – | +10.0 ["));
  EXPECT_THAT(markdown, HasSubstr("| ours | 16 % | ours: not published | 60.0 | – | 75.0 |\n"));
  EXPECT_THAT(markdown,
              HasSubstr("| theirs | 16 % | ours: not run | – | – | – |\n|  |  | Paper | – | 1400.00 B | 97.50 B |\n"));
  EXPECT_THAT(markdown, HasSubstr("Paper: M on P. They say, \"so\"."));
  EXPECT_THAT(markdown, HasSubstr("AI2D: masked or not"));
  EXPECT_THAT(markdown, Not(HasSubstr("nan")));
}

TEST_F(PublishedTest, DifferencesHaveOurInterval) {
  const auto ours = table();
  const auto pairs = pair_with_published(ours, published_tables("x", folder_.path), published_metrics(folder_.path));
  const auto pair = std::find_if(pairs.begin(), pairs.end(), [](const PublishedPair& item) {
    return item.method == "random" && item.metric == "Rel. %";
  });
  ASSERT_NE(pair, pairs.end());
  EXPECT_EQ(pair->published, 40);
  EXPECT_EQ(pair->ours.mean, ours.rows[1].relative.value);
  EXPECT_EQ(pair->ours.interval.low, ours.rows[1].relative.interval.low);
  EXPECT_THAT(published_csv("epochs", pairs, true), HasSubstr("epochs,theirs,16 %,MME-P,Paper,nan,nan,nan,1400,B\n"));
}

TEST_F(PublishedTest, DamagedFilesAreNamedWithTheirLine) {
  const auto error = [&] { return testing::error_of([&] { published_tables("x", folder_.path); }); };
  write("t.csv", "model,pool,method,samples,metric,value,status\nM,P,full,100,rel,many,A\n");
  EXPECT_THAT(error(), HasSubstr("t.csv: line 2 has 'many' where value is a number."));
  write("t.csv", "model,pool,method,samples,metric,value,status\nM,P,full,100,rel\n");
  EXPECT_THAT(error(), HasSubstr("t.csv: line 2 has 5 fields, not 7."));
  write("t.csv", "model,pool,method,samples,metric,value\n");
  EXPECT_THAT(error(), HasSubstr("line 1 has no column 'status'."));
  write("t.csv", "model,pool,method,samples,metric,value,status\n");
  EXPECT_THAT(error(), HasSubstr("has no numbers of M on P, which"));
  fs::remove(folder_.path / "t.csv");
  EXPECT_THAT(error(), HasSubstr("t.csv"));
}

TEST(ShippedNumbersTest, EveryExperimentHasItsTableAndEveryColumnAName) {
  std::set<std::string> known;
  for (const auto& metric : published_metrics(kShipped))
    EXPECT_TRUE(known.insert(metric.metric).second) << metric.metric;
  for (const char* name : {"llava7b_625k_16pct", "budgets", "qwen3vl4b", "qwen3vl8b", "layers", "tokens", "theta",
                           "centering", "llava665k"}) {
    const auto tables = published_tables(std::string("paper/") + name, kShipped);
    ASSERT_FALSE(tables.empty()) << name;
    for (const auto& table : tables) {
      bool full = false;
      for (const auto& value : table.values) {
        EXPECT_TRUE(known.contains(value.metric)) << value.metric;
        EXPECT_FALSE(value.status.empty());
        full = full || (value.method == "full" && value.share == 1 && value.metric == "rel" && value.value == 100);
      }
      EXPECT_TRUE(full) << name << ": what Rel. is relative to";
    }
  }
}

TEST(ShippedNumbersTest, RelOfTheIconsTableIsTheMeanOfItsRatios) {
  const auto tables = published_tables("paper/llava665k", kShipped);
  const auto value = [&](const std::string& method, const std::string& metric) {
    for (const auto& item : tables[0].values) {
      if (item.method == method && item.metric == metric) return item.value;
    }
    return std::numeric_limits<double>::quiet_NaN();
  };
  int rows = 0;
  for (const auto& item : tables[0].values) {
    if (item.metric != "rel" || item.method == "full") continue;
    double sum = 0;
    int columns = 0;
    for (const auto& other : tables[0].values) {
      if (other.method != item.method || other.metric == "rel") continue;
      sum += other.value / value("full", other.metric), ++columns;
    }
    EXPECT_EQ(columns, 10);
    EXPECT_NEAR(100 * sum / columns, item.value, 0.1) << item.method;
    ++rows;
  }
  EXPECT_EQ(rows, 10);
}

}  // namespace
}  // namespace scalselect::report
