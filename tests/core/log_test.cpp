#include "core/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "core/progress_text.h"

namespace scalselect {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ProgressFigures figures() {
  ProgressFigures some;
  some.label = "extracting";
  some.unit = "samples";
  some.total = 200;
  some.done = 50;
  some.rated = 40;
  some.rated_seconds = 20;
  some.seconds = 30;
  return some;
}

TEST(ProgressText, SaysWhatAPersonReads) {
  auto shown = figures();
  EXPECT_EQ(progress_text(shown), "extracting: 50 / 200 (25 %) samples, 2.0/s, ETA 1:15");
  shown.note = "loss 1.5";
  shown.last = true;
  EXPECT_EQ(progress_text(shown), "extracting: 50 / 200 (25 %) samples, 2.0/s, took 0:30, loss 1.5");
  shown = figures();
  shown.unit.clear();
  EXPECT_EQ(progress_text(shown), "extracting: 25 %, ETA 1:15");
  shown = figures();
  shown.total = -1;
  EXPECT_EQ(progress_text(shown), "extracting: 50 samples, 2.0/s");
  shown.rated = shown.done = 0;
  EXPECT_EQ(progress_text(shown), "extracting: 0 samples");
}

TEST(ProgressText, SlowRatesAreNumbersAboveOne) {
  auto shown = figures();
  shown.total = -1;
  for (const auto& [items, text] : {std::pair(36000, "1800/s"), std::pair(30, "1.5/s"), std::pair(4, "12.0/min")}) {
    shown.rated = items;
    EXPECT_THAT(progress_text(shown), HasSubstr(std::string(", ") + text));
  }
  shown.rated = 1;
  shown.rated_seconds = 3600;
  EXPECT_THAT(progress_text(shown), HasSubstr(", 1.0/h"));
}

TEST(ProgressText, TheEtaWaitsForARateThatMeansSomething) {
  auto shown = figures();
  shown.total = 1000;
  shown.done = 1;
  shown.rated = 0;  // the first report came after a model had been loaded
  EXPECT_THAT(progress_text(shown), Not(HasSubstr("ETA")));
  shown.done = 3;
  shown.rated = 2;
  shown.rated_seconds = 6;
  EXPECT_THAT(progress_text(shown), Not(HasSubstr("ETA")));
  shown.rated_seconds = 60;
  EXPECT_THAT(progress_text(shown), HasSubstr("ETA 8:18:30"));
  shown.done = 21;
  shown.rated = 20;
  shown.rated_seconds = 4;
  EXPECT_THAT(progress_text(shown), Not(HasSubstr("ETA")));
  shown.rated_seconds = 5;
  EXPECT_THAT(progress_text(shown), HasSubstr("ETA 4:05"));
}

TEST(ProgressText, IsCutBetweenCharacters) {
  EXPECT_EQ(cut_to_width("f\xc3\xbcnf", 2), "f\xc3\xbc");
  EXPECT_EQ(cut_to_width("f\xc3\xbcnf", 4), "f\xc3\xbcnf");
  EXPECT_EQ(cut_to_width("f\xc3", 9), "f\xc3");
  EXPECT_EQ(cut_to_width("abc", 0), "");
}

/// What `act` writes to stderr in a process of its own whose stderr is a terminal of `columns`, and how it ends.
std::string on_terminal(unsigned short columns, const std::function<void()>& act) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_TRUE(terminal >= 0 && ::grantpt(terminal) == 0 && ::unlockpt(terminal) == 0);
  const std::string name = ::ptsname(terminal);
  const int inner = ::open(name.c_str(), O_RDWR | O_NOCTTY);
  winsize size{};
  size.ws_row = 24;
  size.ws_col = columns;
  ::ioctl(inner, TIOCSWINSZ, &size);
  const pid_t child = ::fork();
  if (child == 0) {
    ::unsetenv("COLUMNS");
    ::dup2(inner, STDERR_FILENO);
    act();
    ::_exit(0);
  }
  ::close(inner);
  std::string shown;
  char block[512];
  ssize_t got = 0;
  while ((got = ::read(terminal, block, sizeof(block))) > 0) shown.append(block, static_cast<std::size_t>(got));
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ::close(terminal);
  return shown;
}

void work_with_a_warning() {
  Progress progress("reading", "rows", 10);
  std::this_thread::sleep_for(std::chrono::milliseconds(120));  // the bar is drawn ten times a second
  progress.advance(3);
  log_warning("row 4 is odd");
  progress.advance(7);
}

TEST(Progress, ALogLineStandsAboveTheBar) {
  const auto shown = on_terminal(80, work_with_a_warning);
  const std::string bar = "\r\033[Kreading: 3 / 10 (30 %) rows";
  EXPECT_THAT(shown, HasSubstr(bar + "\r\033[Kwarning: row 4 is odd\r\nreading: 3 / 10 (30 %) rows\r\033[K"));
  EXPECT_THAT(shown, HasSubstr("reading: 10 / 10 (100 %) rows"));
}

TEST(Progress, ALogLineAfterTheBarIsPlain) {
  const auto shown = on_terminal(80, [] {
    work_with_a_warning();
    log_info("done");
  });
  EXPECT_TRUE(shown.ends_with("\r\ndone\r\n")) << shown;
}

TEST(Progress, LinesFitTheTerminal) {
  const auto shown = on_terminal(20, work_with_a_warning);
  EXPECT_THAT(shown, HasSubstr("\r\033[Kreading: 3 / 10 (30\r"));  // 19 characters
  const auto asked = on_terminal(20, [] {
    ::setenv("COLUMNS", "12", 1);
    work_with_a_warning();
  });
  EXPECT_THAT(asked, HasSubstr("\r\033[Kreading: 3 \r"));
}

TEST(Log, AnUnwritableStderrEndsNothing) {
  for (const bool closed : {false, true}) {
    const pid_t child = ::fork();
    if (child == 0) {
      const int full = ::open("/dev/full", O_WRONLY);
      if (closed) ::close(STDERR_FILENO);
      else ::dup2(full, STDERR_FILENO);
      log_warning("lost");
      { Progress progress("reading", "rows", 10); }
      ::_exit(3);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 3);
  }
}

}  // namespace
}  // namespace scalselect
