#include "core/parallel.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "core/error.h"

namespace scalselect {
namespace {

using ::testing::HasSubstr;

class ParallelTest : public ::testing::Test {
 protected:
  void TearDown() override {
    set_threads(0);
    ::unsetenv("SCALSELECT_THREADS");
    ::unsetenv("OMP_NUM_THREADS");
  }
};

TEST_F(ParallelTest, EveryItemOnceInTheSameBlocks) {
  for (const int threads : {1, 2, 8}) {
    set_threads(threads);
    std::vector<std::atomic<int>> seen(103);
    std::vector<std::int64_t> ends(11);
    parallel_blocks(103, 10, [&](std::int64_t begin, std::int64_t end) {
      ends[static_cast<std::size_t>(begin / 10)] = end;
      for (auto i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
    });
    for (const auto& count : seen) EXPECT_EQ(count, 1);
    EXPECT_EQ(ends, (std::vector<std::int64_t>{10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 103}));
  }
  parallel_blocks(0, 10, [](std::int64_t, std::int64_t) { FAIL(); });
}

TEST_F(ParallelTest, AnExceptionOfAnyThreadArrivesAfterAllHaveStopped) {
  for (const int threads : {1, 4}) {
    set_threads(threads);
    std::atomic<int> inside{0};
    const auto run = [&] {
      parallel_blocks(1000, 1, [&](std::int64_t begin, std::int64_t) {
        ++inside;
        const bool bad = begin >= 40;
        --inside;
        if (bad) throw std::out_of_range("block " + std::to_string(begin));
      });
    };
    EXPECT_THROW(run(), std::out_of_range);
    EXPECT_EQ(inside, 0);
  }
}

TEST_F(ParallelTest, TheEnvironmentIsReadOrRefused) {
  ::setenv("SCALSELECT_THREADS", "3", 1);
  ::setenv("OMP_NUM_THREADS", "5", 1);
  EXPECT_EQ(thread_count(), 3);
  set_threads(2);
  EXPECT_EQ(thread_count(), 2);
  set_threads(0);
  for (const char* wrong : {"many", "2x", "0", "-1", "4097", "99999999999", " 2"}) {
    ::setenv("SCALSELECT_THREADS", wrong, 1);
    try {
      thread_count();
      FAIL() << wrong;
    } catch (const UserError& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), HasSubstr("SCALSELECT_THREADS is '" + std::string(wrong) + "'"));
    }
  }
  ::unsetenv("SCALSELECT_THREADS");
  EXPECT_EQ(thread_count(), 5);
  ::setenv("OMP_NUM_THREADS", "4,2", 1);
  EXPECT_EQ(thread_count(), 4);
}

#ifndef __SANITIZE_ADDRESS__  // which needs the address space for itself
TEST_F(ParallelTest, WhereThreadsCannotBeStartedTheOthersDoTheWork) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t room = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (20 << 20);  // two stacks of 8 MiB
    const rlimit limit{room, room};
    ::setrlimit(RLIMIT_AS, &limit);
    set_threads(64);
    std::atomic<int> done{0};
    parallel_blocks(64, 1, [&](std::int64_t, std::int64_t) { ++done; });
    ::_exit(done == 64 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
#endif

}  // namespace
}  // namespace scalselect
