#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "core/files.h"
#include "core/hash.h"
#include "core/parallel.h"
#include "data/image.h"
#include "data/mini/generate.h"
#include "data/pool.h"

namespace scalselect::mini {
namespace {

namespace fs = std::filesystem;

class MiniGenerate : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("mini_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    options_.pool_size = 400;
    options_.questions_per_skill = 11;
    options_.pope_images = 2;
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::map<std::string, std::string> hashes(const fs::path& folder) {
    std::map<std::string, std::string> result;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) result[fs::relative(entry.path(), folder).string()] = sha256_file(entry.path());
    }
    return result;
  }

  fs::path folder_;
  MiniWorldOptions options_;
};

TEST_F(MiniGenerate, BytesDependOnTheOptionsAlone) {
  const int before = thread_count();
  set_threads(1);
  write_mini_world(folder_ / "a", options_);
  set_threads(4);
  write_mini_world(folder_ / "b", options_);
  set_threads(before);
  const auto first = hashes(folder_ / "a");
  EXPECT_EQ(first, hashes(folder_ / "b"));
  EXPECT_GT(first.size(), 200u);
  options_.seed = 2;
  write_mini_world(folder_ / "b", options_);
  EXPECT_NE(first, hashes(folder_ / "b"));
}

TEST_F(MiniGenerate, ReplacesAnOlderWorldAndReportsProgress) {
  write_file_atomically(folder_ / "images" / "stale.png", "old");
  std::int64_t last = 0, total = 0;
  const auto manifest = write_mini_world(folder_, options_, [&](std::int64_t done, std::int64_t all) {
    EXPECT_GE(done, last);
    last = done;
    total = all;
  });
  EXPECT_EQ(last, total);
  EXPECT_FALSE(fs::exists(folder_ / "images" / "stale.png"));
  EXPECT_EQ(manifest.at("pool").at("samples"), 400);
  EXPECT_EQ(nlohmann::ordered_json::parse(read_file(folder_ / "manifest.json")), manifest);
}

TEST_F(MiniGenerate, ThePoolReaderTakesIt) {
  write_mini_world(folder_, options_);
  const Pool pool(folder_ / "pool.json", folder_ / "images");
  EXPECT_EQ(pool.size(), 400);
  EXPECT_TRUE(pool.problems().empty());
  pool.for_each([](const Sample& sample) {
    ASSERT_EQ(sample.images.size(), 1u);
    EXPECT_FALSE(sample.source.empty());
    EXPECT_EQ(decode_image(sample.images[0]).width, 48);
  });
}

TEST_F(MiniGenerate, ContactSheetIsAPicture) {
  fs::create_directories(folder_);
  write_contact_sheet(folder_ / "sheet.png", 3);
  EXPECT_GT(decode_image(folder_ / "sheet.png").height, 7 * 48);
}

}  // namespace
}  // namespace scalselect::mini
