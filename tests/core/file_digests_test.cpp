#include "core/file_digests.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"

namespace scalselect {
namespace {
namespace fs = std::filesystem;

class FileDigestsTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    write_file_atomically(file_, "weights");
  }
  /// The only note, changed so that it differs from a computed digest.
  void falsify() {
    ASSERT_EQ(std::distance(fs::directory_iterator(notes_), {}), 1);
    const fs::path note = fs::directory_iterator(notes_)->path();
    auto text = read_file(note);
    const auto at = text.find(sha256("weights"));
    ASSERT_NE(at, std::string::npos);
    write_file_atomically(note, text.replace(at, 6, "forged"));
  }
  fs::path folder_ = fs::temp_directory_path() / "file_digests";
  fs::path file_ = folder_ / "model.safetensors", notes_ = folder_ / "notes";
  FileDigests digests_{notes_};
};

TEST_F(FileDigestsTest, RemembersUntilTheFileChanges) {
  EXPECT_EQ(digests_.sha256(file_), sha256("weights"));
  EXPECT_FALSE(fs::exists(notes_)) << "the file may change again within the clock's tick";
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));
  EXPECT_EQ(digests_.sha256(file_), sha256("weights"));
  falsify();
  EXPECT_EQ(digests_.sha256(file_).substr(0, 6), "forged");
  const auto time = fs::last_write_time(file_);
  {
    std::FILE* out = std::fopen(file_.c_str(), "r+");
    std::fputs("WEIGHTS", out);
    std::fclose(out);
  }
  fs::last_write_time(file_, time);  // as cp -p and rsync do
  EXPECT_EQ(digests_.sha256(file_), sha256("WEIGHTS"));
}

TEST_F(FileDigestsTest, ADamagedNoteIsNoNote) {
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));
  digests_.sha256(file_);
  write_file_atomically(fs::directory_iterator(notes_)->path(), "12\t34\n" + sha256("x") + "\n\t\t\n");
  EXPECT_EQ(digests_.sha256(file_), sha256("weights"));
}

TEST_F(FileDigestsTest, HashesManyFilesInTheirOrder) {
  write_file_atomically(folder_ / "more" / "a", "a");
  write_file_atomically(folder_ / "b", "b");
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));
  const std::vector<std::string> files{folder_ / "b", folder_ / "none", folder_ / "more" / "a", file_, folder_};
  const std::vector<std::string> expected{sha256("b"), "missing", sha256("a"), sha256("weights"), "missing"};
  EXPECT_EQ(digests_.sha256_all(files), expected);
  EXPECT_EQ(std::distance(fs::directory_iterator(notes_), {}), 2) << "one file of notes per folder";
  write_file_atomically(folder_ / "b", "c");
  EXPECT_EQ(digests_.sha256_all(files)[0], sha256("c"));
  EXPECT_EQ(digests_.sha256_all(files)[3], sha256("weights"));
  EXPECT_THROW(digests_.sha256(folder_ / "none"), UserError);
}

TEST_F(FileDigestsTest, WorksWhereNothingCanBeKept) {
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));
  write_file_atomically(folder_ / "taken", "a file where the folder would be");
  EXPECT_EQ(FileDigests(folder_ / "taken").sha256(file_), sha256("weights"));
}

}  // namespace
}  // namespace scalselect
