#include "core/artifact_cache.h"

#include <gtest/gtest.h>

#include <fstream>

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

TEST_F(ArtifactCacheTest, ADamagedEntryIsNamed) {
  const ArtifactCache cache(root_);
  auto work = cache.begin(key_);
  write_file_atomically(work.folder() / "shard", "whole");
  const auto folder = work.commit();
  std::ofstream(folder / "shard") << "cut";
  EXPECT_THROW(cache.find(key_), UserError);
}

}  // namespace
}  // namespace scalselect
