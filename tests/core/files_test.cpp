#include "core/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "tests/message_of.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// A folder of one test, empty at first.
class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              (std::string("files_test_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path scratch(const std::string& name) const { return folder_ / name; }
  std::int64_t entries() const { return std::distance(fs::directory_iterator(folder_), fs::directory_iterator()); }

  fs::path folder_;
};

/// What arrives at the other end of a pipe whose descriptor `write` gets.
std::string through_pipe(const std::function<void(int)>& write) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  write(ends[1]);
  ::close(ends[1]);
  std::string got(100, '\0');
  got.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(ends[0], got.data(), got.size()))));
  ::close(ends[0]);
  return got;
}

TEST_F(FilesTest, FollowsALink) {
  write_file_atomically(scratch("real"), "old");
  fs::create_symlink(scratch("real"), scratch("link"));
  write_file_atomically(scratch("link"), "new");
  EXPECT_TRUE(fs::is_symlink(scratch("link")));
  EXPECT_EQ(read_file(scratch("real")), "new");
}

TEST_F(FilesTest, WritesIntoAPipeAndLeavesItOne) {
  ASSERT_EQ(mkfifo(scratch("pipe").c_str(), 0600), 0);
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);  // nothing can be created beside it
  std::string got;
  std::thread reader([&] { got = read_file(scratch("pipe")); });
  write_file_atomically(scratch("pipe"), "bytes");
  reader.join();
  fs::permissions(folder_, fs::perms::owner_all);
  EXPECT_EQ(got, "bytes");
  EXPECT_TRUE(fs::is_fifo(scratch("pipe")));
  EXPECT_EQ(entries(), 1);
}

// What the shell makes of `out=>(cat)` and of `out=/dev/stdout | cat`.
TEST_F(FilesTest, WritesIntoAnOpenDescriptor) {
  for (const std::string folder : {"/dev/fd/", "/proc/self/fd/"}) {
    EXPECT_EQ(through_pipe([&](int end) { write_file_atomically(folder + std::to_string(end), "bytes"); }), "bytes");
  }
  const int standard = ::dup(STDOUT_FILENO);
  const auto got = through_pipe([&](int end) {
    std::fflush(stdout);
    ::dup2(end, STDOUT_FILENO);
    std::printf("first ");
    write_file_atomically("/dev/stdout", "bytes");
    ::dup2(standard, STDOUT_FILENO);
  });
  ::close(standard);
  EXPECT_EQ(got, "first bytes");
  EXPECT_THAT(message_of([] { write_file_atomically("/dev/fd/1234", "bytes"); }),
              HasSubstr("Cannot write '/dev/fd/1234': Bad file descriptor."));
}

TEST_F(FilesTest, ARedirectedDescriptorKeepsWhatItHolds) {
  const int file = ::open(scratch("log").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::write(file, "before ", 7), 7);
  write_file_atomically("/dev/fd/" + std::to_string(file), "after");
  ::close(file);
  EXPECT_EQ(read_file(scratch("log")), "before after");
}

TEST_F(FilesTest, NamesOf255BytesWork) {
  for (const std::string& name :
       {std::string(255, 'n'), std::string(250, 'n') + ".json", "." + std::string(254, 'x')}) {
    write_file_atomically(scratch(name), "bytes");
    EXPECT_EQ(read_file(scratch(name)), "bytes");
  }
  EXPECT_EQ(entries(), 3);
  EXPECT_THAT(message_of([&] { write_file_atomically(scratch(std::string(256, 'n')), "bytes"); }),
              HasSubstr("too long"));
  EXPECT_EQ(entries(), 3);
}

/// In a child process whose files may have 4096 bytes, which stands for a full disk.
int with_small_files(const std::function<void()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int code = 0;
    try {
      act();
    } catch (const UserError&) {
      code = 7;
    } catch (...) {
      code = 8;
    }
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(FilesTest, AFullDiskLeavesTheOldFileAndNothingElse) {
  write_file_atomically(scratch("table"), "old");
  EXPECT_EQ(with_small_files([&] { write_file_atomically(scratch("table"), std::string(5000, 'x')); }), 7);
  EXPECT_EQ(with_small_files([&] { write_file_atomically(scratch("new"), std::string(5000, 'x')); }), 7);
  EXPECT_EQ(with_small_files([&] { AppendFile(scratch("table"), 3).append(std::string(5000, 'x')); }), 7);
  EXPECT_EQ(read_file(scratch("table")).substr(0, 3), "old");
  EXPECT_EQ(entries(), 1);
}

TEST_F(FilesTest, AToolsFileComesWholeOrNotAtAll) {
  write_file_with(scratch("plot.svg"), [&](const fs::path& temporary) {
    EXPECT_EQ(temporary.extension(), ".svg");
    EXPECT_FALSE(fs::exists(scratch("plot.svg")));
    std::ofstream(temporary) << "<svg/>";
  });
  EXPECT_EQ(read_file(scratch("plot.svg")), "<svg/>");
  EXPECT_THAT(message_of([&] { write_file_with(scratch("empty.svg"), [](const fs::path&) {}); }),
              HasSubstr("empty.svg"));
  EXPECT_THROW(write_file_with(scratch("other.svg"), [](const fs::path&) { throw std::runtime_error("no tool"); }),
               std::runtime_error);
  EXPECT_EQ(entries(), 1);
}

TEST_F(FilesTest, WhatKilledWritersLeftGoesWithTheNextFileUnlessItIsInUse) {
  for (const char* name :
       {".scalselect.tmp7.0.json", ".scalselect.tmp7.1.json", ".scalselect.tmp7.2.json", "old.json"}) {
    std::ofstream(scratch(name)) << "part";
    if (name != std::string(".scalselect.tmp7.2.json"))
      fs::last_write_time(scratch(name), fs::file_time_type::clock::now() - std::chrono::hours(25));
  }
  const Descriptor used(::open(scratch(".scalselect.tmp7.1.json").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(used.get(), LOCK_EX), 0);
  write_file_atomically(scratch("new.json"), "whole");
  EXPECT_FALSE(fs::exists(scratch(".scalselect.tmp7.0.json")));
  EXPECT_TRUE(fs::exists(scratch(".scalselect.tmp7.1.json")) && fs::exists(scratch(".scalselect.tmp7.2.json")));
  EXPECT_TRUE(fs::exists(scratch("old.json")) && fs::exists(scratch("new.json")));
}

TEST_F(FilesTest, AFileIsLockedWhileItIsWritten) {
  FileWriter writer(scratch("file.json"));
  const auto temporary = fs::directory_iterator(folder_)->path();
  const Descriptor other(::open(temporary.c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_NE(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
}

TEST_F(FilesTest, AppendingKeepsWhatIsWhole) {
  write_file_atomically(scratch("lines"), "1\n2\n3");
  AppendFile file(scratch("lines"), 4);
  file.append("4\n");
  file.flush();
  EXPECT_EQ(read_file(scratch("lines")), "1\n2\n4\n");
}

TEST_F(FilesTest, WhatIsNotAFileIsNotRead) {
  EXPECT_THAT(message_of([] { read_file("/dev/zero"); }), HasSubstr("'/dev/zero': it is neither a file nor a pipe."));
  fs::create_symlink("/dev/zero", scratch("config.json"));
  EXPECT_THAT(message_of([&] { read_file(scratch("config.json")); }), HasSubstr("config.json': it is neither"));
  EXPECT_THAT(message_of([&] { read_file(folder_); }), HasSubstr("it is a folder"));
  EXPECT_THAT(message_of([&] { read_file(scratch("none")); }), HasSubstr("No such file"));
}

TEST_F(FilesTest, LargeFilesAndEndlessPipesAreRefused) {
  write_file_atomically(scratch("file"), std::string(1000, 'x'));
  EXPECT_EQ(read_file(scratch("file"), 1000).size(), 1000u);
  EXPECT_THROW(read_file(scratch("file"), 999), UserError);
  fs::resize_file(scratch("file"), std::uintmax_t{1} << 40);  // without blocks
  EXPECT_THAT(message_of([&] { read_file(scratch("file"), kConfigBytes); }), HasSubstr("more than the 64 MiB"));

  ASSERT_EQ(mkfifo(scratch("pipe").c_str(), 0600), 0);
  std::signal(SIGPIPE, SIG_IGN);
  std::thread writer([&] {
    std::ofstream out(scratch("pipe"));
    while (out << "{\"a\": 1}\n") {
    }
  });
  EXPECT_THROW(read_file(scratch("pipe"), 1 << 20), UserError);
  writer.join();
}

TEST_F(FilesTest, AFolderIsNotReplaced) {
  fs::create_directories(scratch("folder"));
  EXPECT_THROW(write_file_atomically(scratch("folder"), "bytes"), UserError);
  EXPECT_TRUE(fs::is_directory(scratch("folder")));
  EXPECT_TRUE(fs::is_empty(scratch("folder")));
}

}  // namespace
}  // namespace scalselect
