#include "core/store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "core/error.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() / ("store_test_" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
                                     "_" + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path file() const { return folder_ / "results.sqlite"; }
  static RunStart start(const std::string& hash) {
    return {"exp",
            "name",
            hash,
            {{"method", {{"name", "random"}}}, {"budget", 0.16}},
            {{"method", "random"}},
            {"budget=0.16"},
            {{"cpu", "x"}}};
  }
  fs::path folder_;
};

TEST_F(StoreTest, KeepsEveryKindOfNumber) {
  Store store(file());
  const auto id = store.start_run(start("a"));
  const double inf = std::numeric_limits<double>::infinity();
  store.log_metrics(id,
                    {{"train/loss", 1, 0.1 + 0.2}, {"train/loss", 2, std::nan("")}, {"x", 0, -inf}, {"y", 0, 5e-324}});
  const auto history = store.metric_history(id, "train/loss");
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].value, 0.1 + 0.2);
  EXPECT_TRUE(std::isnan(history[1].value));
  const auto latest = store.latest_metrics(id);
  EXPECT_EQ(latest.at("x"), -inf);
  EXPECT_EQ(latest.at("y"), 5e-324);
  EXPECT_TRUE(std::isnan(latest.at("train/loss")));
}

TEST_F(StoreTest, AFinishedRunStaysFinishedWhileItIsTriedAgain) {
  Store store(file());
  const auto id = store.start_run(start("a"));
  store.finish_run(id, "finished");
  auto again = start("a");
  again.provenance = {{"command", "report, made again"}};
  EXPECT_EQ(store.start_run(again), id);
  EXPECT_EQ(store.run(id).status, "finished");
  // Who made the results is the attempt that computed them.
  EXPECT_EQ(store.run(id).provenance, start("a").provenance);
  store.set_provenance(id, again.provenance);
  EXPECT_EQ(store.run(id).provenance, again.provenance);
  store.finish_run(id, "failed", "disk full");
  EXPECT_EQ(store.run(id).status, "failed");
}

TEST_F(StoreTest, TheSameConfigIsTheSameRunAndKeepsItsMetrics) {
  Store store(file());
  const auto id = store.start_run(start("a"));
  store.log_metrics(id, {{"m", 0, 1.0}});
  store.finish_run(id, "failed", "disk full");
  EXPECT_EQ(store.start_run(start("a")), id);
  EXPECT_NE(store.start_run(start("b")), id);
  const auto row = store.run(id);
  EXPECT_EQ(row.attempt, 2);
  EXPECT_EQ(row.status, "running");
  EXPECT_EQ(row.error, "");
  EXPECT_EQ(store.latest_metrics(id).at("m"), 1.0);
  EXPECT_EQ(store.runs("exp").size(), 2u);
  EXPECT_EQ(store.runs("other").size(), 0u);
}

TEST_F(StoreTest, WhatAStageCostIsNotLostWhenItIsFoundInTheCache) {
  Store store(file());
  const auto id = store.start_run(start("a"));
  store.log_stage(id, {"features", "key", false, 9, 8, 7});
  store.log_stage(id, {"features", "key", true, 0, 0, 0});
  EXPECT_EQ(store.stages(id).at(0).wall_s, 9);
  EXPECT_FALSE(store.stages(id).at(0).cached);
  store.log_stage(id, {"features", "other", true, 0, 0, 0});
  EXPECT_EQ(store.stages(id).at(0).key, "other");
  EXPECT_TRUE(store.stages(id).at(0).cached);
}

TEST_F(StoreTest, RunsThatStartTogetherAreListedAsTheyWereStarted) {
  Store store(file());
  std::vector<std::string> started, listed;
  for (int i = 0; i < 40; ++i) started.push_back(store.start_run(start(std::to_string(i))));  // many in one millisecond
  for (const auto& run : store.runs("exp")) listed.push_back(run.id);
  EXPECT_EQ(listed, started);
}

TEST_F(StoreTest, ReadersSeeWhatAWriterHasCommitted) {
  Store writer(file());
  const auto id = writer.start_run(start("a"));
  const Store reader(file(), Store::Mode::kReadOnly);
  writer.log_stage(id, {"features", "k", true, 1.5, 2.5, 1024});
  ASSERT_EQ(reader.stages(id).size(), 1u);
  EXPECT_EQ(reader.stages(id)[0].wall_s, 1.5);
}

TEST_F(StoreTest, RefusesForeignAndNewerFiles) {
  { SQLite::Database(file().string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE t(x)"); }
  EXPECT_THROW(Store{file()}, UserError);
  fs::remove(file());
  { Store store(file()); }
  { SQLite::Database(file().string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 999"); }
  try {
    Store store(file());
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("schema 999"), std::string::npos);
  }
}

TEST_F(StoreTest, RefusesAFileThatIsNoDatabase) {
  std::ofstream(file()) << "this is a text file, long enough to be read as a header of something else entirely";
  EXPECT_THROW(Store{file()}, UserError);
  EXPECT_THROW(Store(folder_ / "none.sqlite", Store::Mode::kReadOnly), UserError);
}

TEST_F(StoreTest, DamageIsASentence) {
  std::ofstream(file()).flush();
  EXPECT_THROW(Store(file(), Store::Mode::kReadOnly), UserError);
  { Store(file()).start_run(start("a")); }
  { SQLite::Database(file().string(), SQLite::OPEN_READWRITE).exec("UPDATE runs SET config = '{'"); }
  EXPECT_THROW(Store(file(), Store::Mode::kReadOnly).runs(), UserError);
  { SQLite::Database(file().string(), SQLite::OPEN_READWRITE).exec("DROP TABLE metrics"); }
  EXPECT_THROW(Store(file(), Store::Mode::kReadOnly).latest_metrics("a"), UserError);
}

TEST_F(StoreTest, MarksRunsOfDeadProcessesAsStale) {
  std::string id;
  {
    Store store(file());
    id = store.start_run(start("a"));
  }
  { SQLite::Database(file().string(), SQLite::OPEN_READWRITE).exec("UPDATE runs SET pid = 2147483646"); }
  Store store(file());
  EXPECT_EQ(store.run(id).status, "stale");  // seen before it is written down
  EXPECT_EQ(store.mark_stale_runs(), 1);
  EXPECT_EQ(store.mark_stale_runs(), 0);
  EXPECT_EQ(store.run(id).status, "stale");
}

TEST_F(StoreTest, ARunFromBeforeTheMachineStartedIsStale) {
  std::string id;
  {
    Store store(file());
    id = store.start_run(start("a"));
    EXPECT_EQ(store.run(id).status, "running");
  }
  // The number now belongs to another process: this one.
  { SQLite::Database(file().string(), SQLite::OPEN_READWRITE).exec("UPDATE runs SET heartbeat_ms = 1000"); }
  EXPECT_EQ(Store(file(), Store::Mode::kReadOnly).run(id).status, "stale");
}

TEST_F(StoreTest, IsReadInAFolderThatCannotBeWritten) {
  const auto odd = folder_ / "50%?#.sqlite";
  { Store(odd).start_run(start("a")); }
  fs::permissions(folder_.parent_path(), fs::perms{0711});
  fs::permissions(folder_, fs::perms{0555});
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(3);  // root may write everywhere
    std::size_t runs = 0;
    try {
      runs = Store(odd, Store::Mode::kReadOnly).runs().size();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    ::_exit(runs == 1 ? 0 : 4);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  fs::permissions(folder_, fs::perms::owner_all);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace scalselect
