#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "core/files.h"
#include "experiments/launchers/protocol.h"

namespace scalselect::launchers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int exited(int code) { return code << 8; }  // as waitpid gives it
constexpr int kEndedWell = exited(0);

/// What a Reporter writes, as text.
std::string written(const std::function<void(Reporter&)>& say) {
  char* bytes = nullptr;
  std::size_t size = 0;
  std::FILE* out = open_memstream(&bytes, &size);
  Reporter reporter(out);
  say(reporter);
  std::fclose(out);
  std::string text(bytes, size);
  std::free(bytes);
  return text;
}

TEST(WorkerProtocol, WhatAWorkerSaysArrivesWhateverThePieces) {
  const auto text = written([](Reporter& reporter) {
    reporter.progress(0.25, "step 3/12");
    reporter.warning("training leaves out 2 of 6 rows");
    reporter.warning("a line\nand another");
    reporter.result({{"stages", {1, 2}}});
  });
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, text.size()}) {
    Transcript said;
    std::vector<std::string> heard;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      for (const auto& warning : said.read(std::string_view(text).substr(at, piece))) heard.push_back(warning);
    }
    EXPECT_THAT(heard, ElementsAre("training leaves out 2 of 6 rows", "a line\nand another"));
    EXPECT_EQ(said.done(), 0.25);
    EXPECT_EQ(said.note(), "step 3/12");
    const auto result = said.conclude(kEndedWell, "none.log");
    EXPECT_TRUE(result.ok()) << result.error;
    EXPECT_EQ(result.answer, nlohmann::json({{"stages", {1, 2}}}));
    EXPECT_EQ(result.warnings, heard);
  }
}

TEST(WorkerProtocol, ProgressIsSentAFewTimesPerSecondAtMost) {
  const auto text = written([](Reporter& reporter) {
    for (int step = 0; step < 1000; ++step) reporter.progress(step / 1000.0, "");
  });
  EXPECT_GE(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 100);
}

TEST(WorkerProtocol, BytesThatAreNotUtf8AreMadeSo) {
  Transcript said;
  said.read(written([](Reporter& reporter) { reporter.error("'\xff\xfe' is not UTF-8"); }));
  EXPECT_EQ(said.conclude(exited(1), "none.log").error, "'\xEF\xBF\xBD\xEF\xBF\xBD' is not UTF-8");
}

TEST(WorkerProtocol, OtherLinesAreSkipped) {
  Transcript said;
  said.read(
      "[W] a library's own line\n[1, 2]\n7\n\"text\"\n{\"error\": 3}\n{\"done\": \"half\"}\n{}\n\n{\"done\": 7}\n");
  EXPECT_EQ(said.done(), 1);
  EXPECT_TRUE(said.conclude(kEndedWell, "none.log").warnings.empty());
}

TEST(WorkerProtocol, TheWorkersOwnSentenceIsTheError) {
  Transcript said;
  said.read("{\"error\": \"There is no model folder 'x'.\"}\n");
  EXPECT_EQ(said.conclude(exited(1), "none.log").error, "There is no model folder 'x'.");
  EXPECT_EQ(said.conclude(kEndedWell, "none.log").error, "There is no model folder 'x'.");
}

TEST(WorkerProtocol, EndingWellWithoutAResultIsAFailure) {
  EXPECT_THAT(Transcript().conclude(kEndedWell, "w.log").error,
              ::testing::StartsWith("The worker ended without a result"));
}

TEST(WorkerProtocol, AResultBeforeACrashDoesNotCount) {
  Transcript said;
  said.read("{\"result\": {}}\n");
  EXPECT_TRUE(said.conclude(kEndedWell, "w.log").ok());
  EXPECT_THAT(said.conclude(SIGSEGV, "w.log").error, HasSubstr("signal 11"));
  EXPECT_THAT(said.conclude(exited(3), "w.log").error, HasSubstr("status 3"));
}

TEST(WorkerProtocol, MemoryIsNamedWhereTheKernelKilled) {
  EXPECT_THAT(Transcript().conclude(SIGKILL, "w.log").error, HasSubstr("memory ran out"));
}

TEST(WorkerProtocol, ACrashIsReportedWithTheLastLineOfThisAttempt) {
  const auto log = std::filesystem::temp_directory_path() / "w.log";
  const std::string earlier = "an earlier attempt\n";
  write_file_atomically(log, earlier + "terminate called\n  what():  \xff no luck\n\n");
  const auto error = Transcript().conclude(SIGABRT, log, earlier.size()).error;
  EXPECT_THAT(error, HasSubstr("signal 6"));
  EXPECT_THAT(error, HasSubstr("what():  \xEF\xBF\xBD no luck"));
  EXPECT_THAT(error, HasSubstr(log.string()));
  write_file_atomically(log, earlier);
  EXPECT_THAT(Transcript().conclude(SIGABRT, log, earlier.size()).error, ::testing::Not(HasSubstr("earlier")));
}

}  // namespace
}  // namespace scalselect::launchers
