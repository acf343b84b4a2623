#include "core/subprocess.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace scalselect {
namespace {

namespace fs = std::filesystem;

TEST(RunProgramTest, GivesWordsToTheProgramAsTheyAre) {
  const fs::path bait = fs::temp_directory_path() / "scalselect_subprocess_bait";
  fs::remove(bait);
  const auto shown =
      run_program({"printf", "%s|", "it's", "$(touch " + bait.string() + ")", "; touch " + bait.string(), ""});
  EXPECT_EQ(shown.status, 0);
  EXPECT_EQ(shown.out, "it's|$(touch " + bait.string() + ")|; touch " + bait.string() + "||");
  EXPECT_FALSE(fs::exists(bait));
}

TEST(RunProgramTest, TellsHowItEnded) {
  EXPECT_EQ(run_program({"sh", "-c", "exit 7"}).status, 7);
  EXPECT_EQ(run_program({"sh", "-c", "kill -9 $$"}).status, 128 + 9);
  const auto missing = run_program({"scalselect-no-such-program"});
  EXPECT_EQ(missing.status, -1);
  EXPECT_EQ(missing.err, "No such file or directory");
}

TEST(RunProgramTest, StartsInAFolderWithAnEmptyInput) {
  EXPECT_EQ(run_program({"pwd", "-P"}, "/").out, "/\n");
  EXPECT_EQ(run_program({"cat"}).out, "");
}

TEST(RunProgramTest, TakesMoreThanAPipeHoldsFromBothOutputs) {
  const auto much = run_program({"sh", "-c", "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero"});
  EXPECT_EQ(much.out.size(), 300000u);
  EXPECT_EQ(much.err.size(), 300000u);
}

}  // namespace
}  // namespace scalselect
