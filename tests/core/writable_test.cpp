#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "core/error.h"
#include "core/files.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;

class RequireWritable : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "inner");
    write_file_atomically(folder_ / "file", "kept");
  }
  void refused(const fs::path& file) const {
    try {
      require_writable(file);
      ADD_FAILURE() << file << " is taken for writable";
    } catch (const UserError& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kEnvironment);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("'" + file.string() + "'"));
    }
  }
  fs::path folder_ = fs::temp_directory_path() / "writable";
};

TEST_F(RequireWritable, WhatCanBeMadeOrReplaced) {
  require_writable(folder_ / "new");
  require_writable(folder_ / "new" / "deeper" / "file");
  require_writable(folder_ / "file");
  require_writable("relative.json");
  require_writable("/dev/null");
  fs::create_symlink(folder_ / "file", folder_ / "link");
  require_writable(folder_ / "link");
  EXPECT_EQ(read_file(folder_ / "file"), "kept");
  EXPECT_FALSE(fs::exists(folder_ / "new"));
  EXPECT_FALSE(fs::exists("relative.json"));
}

TEST_F(RequireWritable, FoldersAndWhatLiesBelowFilesAreRefused) {
  refused(folder_ / "inner");
  refused(folder_ / "file" / "out.npz");
  refused(folder_ / "file" / "deeper" / "out.npz");
}

TEST_F(RequireWritable, AFolderWithoutPermissionIsRefused) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  fs::permissions(folder_ / "inner", fs::perms::owner_read | fs::perms::owner_exec);
  refused(folder_ / "inner" / "out.npz");
  fs::permissions(folder_ / "inner", fs::perms::owner_all);
}

}  // namespace
}  // namespace scalselect
