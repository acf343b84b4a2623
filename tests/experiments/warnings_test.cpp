#include "experiments/runs/warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/artifact_cache.h"
#include "core/files.h"

namespace scalselect::pipeline {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Warnings, AreHeardByAllWhoListenEachOnce) {
  std::vector<std::string> at_once;
  Warnings outer([&](const std::string& text) { at_once.push_back(text); });
  log_warning("first");
  {
    Warnings inner;
    log_warning("second");
    log_warning("second");
    log_info("no warning");
    EXPECT_THAT(inner.take(), ElementsAre("second"));
    EXPECT_THAT(inner.take(), IsEmpty());
  }
  log_warning("third");
  EXPECT_THAT(outer.take(), ElementsAre("first", "second", "third"));
  EXPECT_THAT(at_once, ElementsAre("first", "second", "second", "third"));
}

TEST(Warnings, AreHeardFromOtherThreadsAndWhateverTheLevel) {
  set_log_level(LogLevel::kSilent);
  Warnings heard;
  std::thread([] { log_warning("elsewhere"); }).join();
  set_log_level(LogLevel::kInfo);
  EXPECT_THAT(heard.take(), ElementsAre("elsewhere"));
}

// The life of an artifact as the stages use it.
TEST(Warnings, StayWithTheArtifactTheyAreAbout) {
  const auto root = fs::temp_directory_path() / "warnings_cache";
  fs::remove_all(root);
  const ArtifactCache cache(root);
  const StageKey key{"adapter", 1, {{"pool", "p"}}, {{"seed", 1}}}, other{"adapter", 1, {{"pool", "p"}}, {{"seed", 2}}};
  {
    auto killed = cache.begin(key);  // an attempt that never commits
    write_file_atomically(killed.folder() / "checkpoint", "half");
  }
  EXPECT_FALSE(cache.find(key));
  {
    Warnings heard;
    auto work = cache.begin(key);
    EXPECT_EQ(read_file(work.folder() / "checkpoint"), "half");
    log_warning("2 of 6 rows left out");
    work.commit({{"warnings", heard.take()}, {"device", "cpu"}});
    auto more = cache.begin(other);
    more.commit();
    EXPECT_THAT(heard.take(), IsEmpty());
  }
  EXPECT_THAT(remembered_warnings(*cache.find(key)), ElementsAre("2 of 6 rows left out"));
  EXPECT_THAT(remembered_warnings(*cache.find(other)), IsEmpty());
}

}  // namespace
}  // namespace scalselect::pipeline
