// `scalselect cache`: what is listed, what is removed, and what never is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/artifact_cache.h"
#include "core/store.h"
#include "experiments/app/commands.h"
#include "report_fixtures.h"

namespace scalselect::app {
namespace {

using report::testing::error_of;
using ::testing::HasSubstr;
using ::testing::Not;

/// A cache with an artifact that a run used, one that none did, and one that was begun.
class CacheCommandTest : public ::testing::Test {
 protected:
  CacheCommandTest() {
    cache_.begin(used_).commit();
    cache_.begin(unused_).commit();
    write_file_atomically(cache_.begin(begun_).folder() / "shard", "x");
    run_ = store_.start_run({"x", "run", "hash", {}, {}, {}, {}});
    store_.log_stage(run_, {"features", used_.digest(), false, 0, 0, 0});
    store_.finish_run(run_, "finished");
  }

  /// What the command prints.
  std::string run(Words words) const {
    words.push_back("cache=" + (folder_.path / "cache").string());
    words.push_back("store=" + (folder_.path / "store.sqlite").string());
    ::testing::internal::CaptureStdout();
    const auto error = error_of([&] { run_cache(words); });
    const auto printed = ::testing::internal::GetCapturedStdout();
    return error.empty() ? printed : error;
  }
  /// Which of used, unused and begun are left.
  std::string left() const {
    std::string left;
    for (const auto& entry : cache_.list()) left += entry.complete ? entry.params["name"].get<std::string>() : "begun";
    return left;
  }
  static std::string id_of(const StageKey& key) { return key.digest().substr(0, 12); }

  report::testing::TempFolder folder_;
  ArtifactCache cache_{folder_.path / "cache"};
  Store store_{folder_.path / "store.sqlite"};
  StageKey used_{"a", 1, {}, {{"name", "used"}}}, unused_{"b", 1, {}, {{"name", "unused"}}},
      begun_{"c", 1, {}, {{"name", "begun"}}};
  std::string run_;
};

TEST_F(CacheCommandTest, ListsWhatEachArtifactIsAndWhichRunUsedIt) {
  const auto text = run({"ls"});
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  for (const auto& [key, user] : {std::pair(used_, run_), {unused_, "no run"}, {begun_, "unfinished"}}) {
    std::getline(lines, line);
    EXPECT_EQ(line.substr(0, 2), key.stage + " ");
    EXPECT_THAT(line, HasSubstr(id_of(key)));
    EXPECT_THAT(line, HasSubstr(user));
  }
  EXPECT_THAT(text, HasSubstr(R"({"name":"unused"})"));
  EXPECT_EQ(left(), "usedunusedbegun");
}

TEST_F(CacheCommandTest, NothingIsRemovedWithoutYes) {
  const auto text = run({"rm", "--unused"});
  EXPECT_THAT(text, HasSubstr(id_of(unused_)));
  EXPECT_THAT(text, Not(HasSubstr(id_of(used_))));
  EXPECT_THAT(text, HasSubstr("nothing was removed"));
  EXPECT_EQ(left(), "usedunusedbegun");
}

TEST_F(CacheCommandTest, RemovesWhatIsNamedAndNoMore) {
  EXPECT_THAT(run({"rm", "--unused", "--yes"}), Not(HasSubstr("would remove")));
  EXPECT_EQ(left(), "usedbegun");
  run({"rm", "--unfinished", "--yes"});
  EXPECT_EQ(left(), "used");
  run({"rm", used_.digest().substr(0, 8), "--yes"});
  EXPECT_EQ(left(), "");
}

TEST_F(CacheCommandTest, RefusesWhatIsNotThereOrNotSaid) {
  EXPECT_THAT(run({"rm", "0000", "--yes"}), HasSubstr("holds no artifact '0000'"));
  EXPECT_THAT(run({"rm", "--yes"}), HasSubstr("--unused"));
  EXPECT_THAT(run({"rm", "--all"}), HasSubstr("'--all' is not understood here"));
  EXPECT_THAT(run({}), HasSubstr("needs ls or rm"));
  EXPECT_EQ(left(), "usedunusedbegun");
}

TEST_F(CacheCommandTest, NothingIsRemovedWhileARunIsAtWork) {
  const auto id = store_.start_run({"x", "other", "other", {}, {}, {}, {}});
  EXPECT_THAT(run({"rm", "--unused", "--yes"}), HasSubstr("Run " + id));
  EXPECT_EQ(left(), "usedunusedbegun");
  store_.finish_run(id, "finished");
  run({"rm", "--unused", "--yes"});
  EXPECT_EQ(left(), "usedbegun");
}

}  // namespace
}  // namespace scalselect::app
