#include "experiments/runs/run_records.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <new>

#include "core/check.h"
#include "core/error.h"
#include "core/log_listener.h"

namespace scalselect::pipeline {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Attempt, AnythingThrownIsASentence) {
  std::vector<std::string> none;
  EXPECT_EQ(attempt([] {}, none), "");
  EXPECT_EQ(attempt([] { throw UserError(ErrorKind::kInput, "No pool", "Give one."); }, none), "No pool. Give one.");
  EXPECT_EQ(attempt([] { throw UserError(ErrorKind::kInput, "not UTF-8: '\xff'."); }, none),
            "not UTF-8: '\xEF\xBF\xBD'.");
  EXPECT_THAT(attempt([] { throw std::bad_alloc(); }, none), HasSubstr("Out of memory"));
  EXPECT_THAT(attempt([] { static_cast<void>(fs::file_size("/no/such/file")); }, none), HasSubstr("'/no/such/file'"));
  EXPECT_THAT(attempt([] { SCALSELECT_CHECK(1 == 2); }, none), HasSubstr("fault of the program"));
  EXPECT_THAT(attempt([] { throw 7; }, none), HasSubstr("fault of the program"));
  EXPECT_TRUE(none.empty());
}

TEST(Attempt, WarningsBelongToTheRunThatCausedThem) {
  std::vector<std::string> first = {"known"}, second;
  const auto warn = [] {
    log_warning("known");
    log_warning("3 rows left out");
    log_warning("3 rows left out");
    log_info("not a warning");
  };
  attempt(warn, first);
  attempt([] { log_warning("other"); }, second);
  EXPECT_THAT(first, ElementsAre("known", "3 rows left out"));
  EXPECT_THAT(second, ElementsAre("other"));
}

class RunRecordsTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove_all(file_.parent_path()); }
  static RunStart start(const std::string& hash) { return {"exp", "name " + hash, hash, {}, {}, {}, {}}; }
  RunRow row(const std::string& id) const { return Store(file_, Store::Mode::kReadOnly).run(id); }
  fs::path file_ = fs::temp_directory_path() / "records" / "store.sqlite";
};

TEST_F(RunRecordsTest, ARowSaysHowItsRunEnded) {
  RunRecords records(file_);
  const auto good = records.start(start("a")), bad = records.start(start("b"));
  records.end(good, "finished", "", {"2 of 6 rows left out: no answer", "not UTF-8: \xff"});
  records.end(bad, "failed", "Out of memory.", {});
  EXPECT_EQ(row(good).status, "finished");
  EXPECT_THAT(row(good).warnings, ElementsAre("2 of 6 rows left out: no answer", "not UTF-8: \xEF\xBF\xBD"));
  EXPECT_EQ(row(bad).status, "failed");
  EXPECT_EQ(row(bad).error, "Out of memory.");
}

TEST_F(RunRecordsTest, AnInterruptMarksWhatHasNotEnded) {
  std::string finished;
  {
    RunRecords before(file_);
    finished = before.start(start("a"));
    before.end(finished, "finished", "", {});
  }
  RunRecords records(file_);
  EXPECT_EQ(records.start(start("a")), finished);  // tried again
  const auto failed = records.start(start("b")), open = records.start(start("c"));
  records.end(failed, "failed", "its reason", {});
  records.interrupt("Interrupted by SIGINT");
  EXPECT_EQ(row(finished).status, "finished");
  EXPECT_EQ(row(failed).error, "its reason");
  EXPECT_EQ(row(open).status, "interrupted");
  EXPECT_EQ(row(open).error, "Interrupted by SIGINT");
  EXPECT_EQ(records.start(start("c")), open);  // resumed
  EXPECT_EQ(row(open).status, "running");
}

TEST_F(RunRecordsTest, AStoreThatCannotBeWrittenIsNamedAndStopsNothing) {
  RunRecords records(file_);
  const auto id = records.start(start("a"));
  std::string heard;
  const LogListener listener([&](LogLevel level, const std::string& text) {
    if (level == LogLevel::kError) heard = text;
  });
  SQLite::Database(file_.string(), SQLite::OPEN_READWRITE).exec("ALTER TABLE runs RENAME TO gone");
  records.end(id, "failed", "reason", {});
  EXPECT_THAT(heard, HasSubstr("The end of run " + id + " (failed) cannot be recorded"));
  EXPECT_THAT(heard, HasSubstr(file_.string()));
}

}  // namespace
}  // namespace scalselect::pipeline
