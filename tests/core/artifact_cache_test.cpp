#include "core/artifact_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "core/error.h"
#include "core/files.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;

class ArtifactCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() /
            (std::string("cache_test_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  fs::path root_;
  StageKey key_{"features", 1, {{"pool", "abc"}}, {{"theta", 0.9}}};
};

TEST_F(ArtifactCacheTest, EveryPartOfTheKeyCounts) {
  StageKey other = key_;
  EXPECT_EQ(key_.digest(), other.digest());
  other.version = 2;
  EXPECT_NE(key_.digest(), other.digest());
  other = key_;
  other.params["theta"] = 0.8;
  EXPECT_NE(key_.digest(), other.digest());
  other = key_;
  other.inputs["pool"] = "abd";
  EXPECT_NE(key_.digest(), other.digest());
  EXPECT_EQ(first_difference(key_.payload(), other.payload()), "inputs.pool: \"abc\" -> \"abd\"");
}

TEST_F(ArtifactCacheTest, PartialWorkSurvivesAndIsNotAResult) {
  const ArtifactCache cache(root_);
  {
    auto work = cache.begin(key_);
    write_file_atomically(work.folder() / "shard", "half");
  }
  EXPECT_FALSE(cache.find(key_));
  auto work = cache.begin(key_);
  EXPECT_EQ(read_file(work.folder() / "shard"), "half");
  const auto folder = work.commit({{"rows", 3}});
  EXPECT_EQ(cache.find(key_), folder);
  ASSERT_EQ(cache.list().size(), 1u);
  EXPECT_TRUE(cache.list()[0].complete);
}

TEST_F(ArtifactCacheTest, WhatAKilledWriterLeftHalfWrittenIsNoPartOfTheResult) {
  const ArtifactCache cache(root_);
  {
    auto work = cache.begin(key_);
    write_file_atomically(work.folder() / "adapter/weights", "whole");
    std::ofstream(work.folder() / "adapter/weights.4711.tmp") << "ha";
    std::ofstream(work.folder() / "rows.txt.tmp4711") << "ha";
  }
  const auto folder = cache.begin(key_).commit();
  EXPECT_EQ(read_file(folder / "adapter/weights"), "whole");
  EXPECT_FALSE(fs::exists(folder / "adapter/weights.4711.tmp"));
  EXPECT_FALSE(fs::exists(folder / "rows.txt.tmp4711"));
}

TEST_F(ArtifactCacheTest, WhatIsAtWorkIsNotRemoved) {
  const ArtifactCache cache(root_);
  {
    const auto work = cache.begin(key_);
    write_file_atomically(work.folder() / "rows.txt", "0");
    ASSERT_EQ(cache.list().size(), 1u);
    EXPECT_FALSE(cache.remove(cache.list().front()));
    EXPECT_TRUE(fs::exists(work.folder() / "rows.txt"));
  }
  EXPECT_TRUE(cache.remove(cache.list().front()));
  EXPECT_TRUE(cache.list().empty());
}

TEST_F(ArtifactCacheTest, OnlyItsOwnFoldersAreListed) {
  const ArtifactCache cache(root_);
  auto work = cache.begin(key_);
  write_file_atomically(work.folder() / "rows.txt", "0");
  const auto folder = work.commit();
  const std::string digest(64, 'a');
  write_file_atomically(root_ / "photos/ro/rome/a.jpg", "photo");
  write_file_atomically(root_ / "photos/aa" / digest / "a.jpg", "photo");                   // no meta.json
  write_file_atomically(root_ / "photos/aa" / digest / "meta.json", R"({"payload": {}})");  // of another name
  write_file_atomically(root_ / "photos/bb" / (digest + ".partial") / "a.jpg", "photo");    // in another's place
  write_file_atomically(root_ / "photos/aa" / (digest + ".backup") / "a.jpg", "photo");
  fs::create_directories(root_ / "links");
  fs::create_directory_symlink(folder.parent_path(), root_ / "links" / folder.parent_path().filename());
  const auto entries = cache.list();
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].digest, key_.digest());
  EXPECT_EQ(entries[0].params, key_.params);
  EXPECT_GT(entries[0].made_s, 0);
}

TEST_F(ArtifactCacheTest, RemovingTheFinishedKeepsTheUnfinished) {
  const ArtifactCache cache(root_);
  {
    auto work = cache.begin(key_);
    write_file_atomically(work.folder() / "rows.txt", "0");
    work.commit();
  }
  { write_file_atomically(cache.begin(key_).folder() / "shard", "half"); }
  auto entries = cache.list();
  ASSERT_EQ(entries.size(), 2u);
  ASSERT_TRUE(entries[1].complete);
  EXPECT_TRUE(cache.remove(entries[1]));
  EXPECT_FALSE(cache.find(key_));
  EXPECT_EQ(read_file(cache.begin(key_).folder() / "shard"), "half");
}

// Workers in processes and a remover on one key: the folder of a worker is its own while it works.
TEST_F(ArtifactCacheTest, TheLockSurvivesRemoval) {
  const ArtifactCache cache(root_);
  const auto mark = root_ / "at_work";
  fs::create_directories(cache.folder(key_).parent_path());
  std::vector<pid_t> workers;
  for (int w = 0; w < 3; ++w) {
    workers.push_back(::fork());
    if (workers.back() != 0) continue;
    int code = 0;
    for (int i = 0; i < 200 && code == 0; ++i) {
      const auto work = cache.begin(key_);
      const int alone = ::open(mark.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600);
      if (alone < 0) code = 1;
      std::ofstream(work.folder() / "shard") << "half";
      ::usleep(50);
      if (!fs::exists(work.folder() / "shard")) code = 2;
      ::close(alone);
      ::unlink(mark.c_str());
    }
    ::_exit(code);
  }
  const ArtifactCache::Entry entry{"features", key_.digest(), false, 0, 0, {}};
  int left = 3, removed = 0, status = 0;
  while (left > 0) {
    if (cache.remove(entry)) ++removed;
    if (::waitpid(-1, &status, WNOHANG) > 0) {
      --left;
      EXPECT_TRUE(WIFEXITED(status));
      EXPECT_EQ(WEXITSTATUS(status), 0);
    }
  }
  EXPECT_GT(removed, 0);
}

TEST_F(ArtifactCacheTest, ADamagedEntryIsNamed) {
  const ArtifactCache cache(root_);
  auto work = cache.begin(key_);
  write_file_atomically(work.folder() / "shard", "whole");
  const auto folder = work.commit();
  std::ofstream(folder / "shard") << "cut";
  EXPECT_THROW(cache.find(key_), UserError);
}

TEST_F(ArtifactCacheTest, SharesLetOthersInButNobodyWhoWantsItAlone) {
  const ArtifactCache cache(root_);
  const auto in_another_process = [&](const std::function<bool()>& holds) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(holds() ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  };
  EXPECT_FALSE(cache.is_held(key_));
  {
    const auto share = cache.share(key_);
    write_file_atomically(share.folder() / "part", "mine");
    EXPECT_TRUE(in_another_process([&] { return fs::exists(cache.share(key_).folder() / "part"); }));
    EXPECT_TRUE(in_another_process([&] { return cache.is_held(key_); }));
    const auto entry = cache.list().at(0);
    EXPECT_FALSE(cache.remove(entry)) << "somebody works on it";
  }
  EXPECT_FALSE(cache.is_held(key_));
  EXPECT_EQ(read_file(cache.begin(key_).folder() / "part"), "mine");
}

TEST_F(ArtifactCacheTest, AShareThatWasNotUsedLeavesNothing) {
  const ArtifactCache cache(root_);
  { const auto share = cache.share(key_); }
  EXPECT_TRUE(cache.list().empty());
}

}  // namespace
}  // namespace scalselect
