#include "core/interrupt.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>

namespace scalselect {
namespace {

// Each in a process of its own.
class InterruptDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

[[noreturn]] void wait_for(int signal) {
  const InterruptGuard guard([](int got) { std::fprintf(stderr, "last words after %s\n", signal_name(got)); });
  ::kill(::getpid(), signal);
  for (;;) ::pause();
}

TEST_F(InterruptDeathTest, LastWordsAreSaidAndTheExitIs130) {
  EXPECT_EXIT(wait_for(SIGINT), ::testing::ExitedWithCode(130), "last words after SIGINT");
  EXPECT_EXIT(wait_for(SIGTERM), ::testing::ExitedWithCode(130), "last words after SIGTERM");
  EXPECT_EXIT(wait_for(SIGHUP), ::testing::ExitedWithCode(130), "last words after SIGHUP");
}

TEST_F(InterruptDeathTest, AnIgnoredHangUpStaysIgnored) {
  EXPECT_EXIT(
      {
        ::signal(SIGHUP, SIG_IGN);
        {
          const InterruptGuard guard([](int) {});
          ::kill(::getpid(), SIGHUP);
        }
        ::_exit(7);
      },
      ::testing::ExitedWithCode(7), "");
}

TEST_F(InterruptDeathTest, ASecondSignalEndsAtOnce) {
  EXPECT_EXIT(
      {
        const InterruptGuard guard([](int) {
          ::kill(::getpid(), SIGINT);
          for (;;) ::pause();
        });
        ::kill(::getpid(), SIGINT);
        for (;;) ::pause();
      },
      ::testing::KilledBySignal(SIGINT), "");
}

TEST_F(InterruptDeathTest, WorkThatEndsMeanwhileWaitsForTheLastWords) {
  EXPECT_EXIT(
      {
        {
          const InterruptGuard guard([](int) {
            ::usleep(100000);
            std::fprintf(stderr, "all said\n");
          });
          ::kill(::getpid(), SIGINT);
          while (!InterruptGuard::interrupted()) {
          }
        }
        ::_exit(7);
      },
      ::testing::ExitedWithCode(130), "all said");
}

TEST_F(InterruptDeathTest, AfterwardsSignalsMeanWhatTheyMeantBefore) {
  EXPECT_EXIT(
      {
        {
          const InterruptGuard guard([](int) {});
        }
        {
          const InterruptGuard again([](int) {});
        }
        ::kill(::getpid(), SIGTERM);
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace scalselect
