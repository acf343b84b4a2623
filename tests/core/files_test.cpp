#include "core/files.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <thread>

#include "core/error.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;

fs::path scratch(const char* name) { return fs::temp_directory_path() / name; }

TEST(WriteFile, FollowsALink) {
  write_file_atomically(scratch("real"), "old");
  fs::create_symlink(scratch("real"), scratch("link"));
  write_file_atomically(scratch("link"), "new");
  EXPECT_TRUE(fs::is_symlink(scratch("link")));
  EXPECT_EQ(read_file(scratch("real")), "new");
}

TEST(WriteFile, WritesIntoAPipeAndLeavesItOne) {
  ASSERT_EQ(mkfifo(scratch("pipe").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = read_file(scratch("pipe")); });
  write_file_atomically(scratch("pipe"), "bytes");
  reader.join();
  EXPECT_EQ(got, "bytes");
  EXPECT_TRUE(fs::is_fifo(scratch("pipe")));
}

TEST(WriteFile, AFolderIsNotReplaced) {
  fs::create_directories(scratch("folder"));
  EXPECT_THROW(write_file_atomically(scratch("folder"), "bytes"), UserError);
  EXPECT_TRUE(fs::is_directory(scratch("folder")));
  EXPECT_TRUE(fs::is_empty(scratch("folder")));
}

}  // namespace
}  // namespace scalselect
