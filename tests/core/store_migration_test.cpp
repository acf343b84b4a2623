#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/store.h"
#include "core/store_schema.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;

/// A store of the first schema with one finished run.
fs::path old_store() {
  const auto file = fs::temp_directory_path() / "old.sqlite";
  for (const auto& entry : fs::directory_iterator(file.parent_path())) {
    if (entry.path().filename().string().starts_with("old.sqlite")) fs::remove(entry.path());
  }
  SQLite::Database db(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  db.exec(store_migrations()[0]);
  db.exec("PRAGMA user_version = 1");
  db.exec("PRAGMA application_id = " + std::to_string(kStoreApplicationId));
  db.exec(R"sql(
    INSERT INTO experiments VALUES (1, 'exp', 1);
    INSERT INTO runs VALUES ('abc', 1, 'a run', 'finished', 2, 'hash', '{"seed":1}', '{}', '["seed=1"]', '{}', 'host', 1,
                             10, 10, 20, '');
    INSERT INTO metrics VALUES ('abc', 'train/loss', 1, 0.5, 0, 10);)sql");
  return file;
}

void expect_the_run(const Store& store) {
  const auto run = store.run("abc");
  EXPECT_EQ(run.status, "finished");
  EXPECT_EQ(run.attempt, 2);
  EXPECT_EQ(run.experiment, "exp");
  EXPECT_EQ(run.config["seed"], 1);
  EXPECT_TRUE(run.warnings.empty());
  EXPECT_EQ(store.latest_metrics("abc").at("train/loss"), 0.5);
}

TEST(StoreMigration, AnOlderStoreKeepsItsRunsAndWhatBelongsToThem) {
  const auto file = old_store();
  Store store(file);
  EXPECT_EQ(store.schema_version(), static_cast<int>(store_migrations().size()));
  expect_the_run(store);
  store.log_warnings("abc", {"2 rows left out"});
  store.finish_run("abc", "interrupted");
  EXPECT_THAT(store.run("abc").warnings, ::testing::ElementsAre("2 rows left out"));
  EXPECT_TRUE(fs::exists(file.string() + ".schema1"));
  // Everything that belongs to a run is still deleted with it.
  SQLite::Database db(file.string(), SQLite::OPEN_READWRITE);
  db.exec("PRAGMA foreign_keys = ON; DELETE FROM runs");
  EXPECT_EQ(db.execAndGet("SELECT count(*) FROM metrics").getInt(), 0);
}

TEST(StoreMigration, AnOlderStoreCanBeReadWithoutWriting) {
  const auto file = old_store();
  const Store store(file, Store::Mode::kReadOnly);
  EXPECT_EQ(store.schema_version(), 1);
  expect_the_run(store);
}

}  // namespace
}  // namespace scalselect
