#include "core/process_group.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/device.h"
#include "core/error.h"

namespace scalselect {
namespace {

/// The variables of every starter, unset while a test runs.
class ProcessGroupTest : public ::testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void set(const char* name, const char* value) { ::setenv(name, value, 1); }

 private:
  static void clear() {
    for (const char* name : {"SCALSELECT_RANK",
                             "SCALSELECT_PROCESSES",
                             "SCALSELECT_LOCAL_RANK",
                             "SCALSELECT_LOCAL_PROCESSES",
                             "RANK",
                             "WORLD_SIZE",
                             "LOCAL_RANK",
                             "LOCAL_WORLD_SIZE",
                             "OMPI_COMM_WORLD_RANK",
                             "OMPI_COMM_WORLD_SIZE",
                             "OMPI_COMM_WORLD_LOCAL_RANK",
                             "OMPI_COMM_WORLD_LOCAL_SIZE",
                             "PMI_RANK",
                             "PMI_SIZE",
                             "MPI_LOCALRANKID",
                             "MPI_LOCALNRANKS",
                             "SLURM_PROCID",
                             "SLURM_STEP_NUM_TASKS",
                             "SLURM_LOCALID",
                             "CUDA_VISIBLE_DEVICES"})
      ::unsetenv(name);
  }
};

TEST_F(ProcessGroupTest, WithoutVariablesAProcessIsAlone) {
  const auto group = process_group();
  EXPECT_EQ(group.size, 1);
  EXPECT_TRUE(group.leads());
  EXPECT_EQ(group.source, "");
}

TEST_F(ProcessGroupTest, ReadsWhatTorchrunSets) {
  set("RANK", "5"), set("WORLD_SIZE", "8"), set("LOCAL_RANK", "1"), set("LOCAL_WORLD_SIZE", "4");
  const auto group = process_group();
  EXPECT_EQ(group.rank, 5);
  EXPECT_EQ(group.size, 8);
  EXPECT_EQ(group.local_rank, 1);
  EXPECT_EQ(group.local_size, 4);
  EXPECT_EQ(group.source, "RANK");
  EXPECT_FALSE(group.leads());
}

TEST_F(ProcessGroupTest, ReadsWhatMpiSets) {
  set("OMPI_COMM_WORLD_RANK", "2"), set("OMPI_COMM_WORLD_SIZE", "4");
  set("OMPI_COMM_WORLD_LOCAL_RANK", "0"), set("OMPI_COMM_WORLD_LOCAL_SIZE", "2");
  EXPECT_EQ(process_group().rank, 2);
  EXPECT_EQ(process_group().local_size, 2);
}

TEST_F(ProcessGroupTest, ASlurmStepIsAGroupAndABatchScriptIsNot) {
  set("SLURM_PROCID", "0");
  EXPECT_EQ(process_group().source, "");
  set("SLURM_PROCID", "3"), set("SLURM_STEP_NUM_TASKS", "4"), set("SLURM_LOCALID", "1");
  EXPECT_EQ(process_group().rank, 3);
  EXPECT_EQ(process_group().local_rank, 1);
}

TEST_F(ProcessGroupTest, ARankWithoutASizeIsSomethingElse) {
  for (const char* text : {"3", "first"}) {
    set("RANK", text);
    EXPECT_TRUE(process_group().leads());
  }
  set("WORLD_SIZE", "4");
  EXPECT_THROW(process_group(), UserError);
}

TEST_F(ProcessGroupTest, OwnVariablesOverruleAndBadOnesAreNamed) {
  set("RANK", "5"), set("WORLD_SIZE", "8"), set("SCALSELECT_RANK", "0"), set("SCALSELECT_PROCESSES", "2");
  EXPECT_EQ(process_group().size, 2);
  set("SCALSELECT_RANK", "2");
  try {
    process_group();
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("SCALSELECT_RANK is 2, of 2 processes"), std::string::npos);
  }
}

TEST_F(ProcessGroupTest, EachProcessOfAMachineTakesItsOwnGpu) {
  EXPECT_EQ(parse_device("cuda").index, 0);
  set("SCALSELECT_RANK", "5"), set("SCALSELECT_PROCESSES", "8"), set("SCALSELECT_LOCAL_RANK", "3");
  EXPECT_EQ(parse_device("cuda").index, 3);
  EXPECT_EQ(parse_device("cuda:1").index, 1) << "a number is what the user says it is";
  set("CUDA_VISIBLE_DEVICES", "6");  // Slurm shows each task its own
  EXPECT_EQ(parse_device("cuda").index, 0);
  set("CUDA_VISIBLE_DEVICES", "4,6");
  EXPECT_EQ(parse_device("cuda").index, 1);
}

}  // namespace
}  // namespace scalselect
