#include "core/device.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace scalselect {
namespace {

TEST(Device, NamesAreReadAndWritten) {
  EXPECT_EQ(parse_device("cpu"), ComputeDevice{});
  EXPECT_EQ(parse_device("cuda"), (ComputeDevice{true, 0}));
  EXPECT_EQ(parse_device("cuda:3"), (ComputeDevice{true, 3}));
  EXPECT_EQ(parse_device("cuda:12").text(), "cuda:12");
  EXPECT_EQ(ComputeDevice{}.text(), "cpu");
}

TEST(Device, OtherNamesAreRefused) {
  for (const char* text : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999", "CUDA", "cpu:0"}) {
    EXPECT_THROW(parse_device(text), UserError) << text;
  }
}

TEST(Device, TheCommandLineWinsOverTheEnvironment) {
  ASSERT_EQ(setenv("SCALSELECT_DEVICE", "cuda:2", 1), 0);
  EXPECT_EQ(compute_device().text(), "cuda:2");
  set_device({});
  EXPECT_EQ(compute_device().text(), "cpu");
  unsetenv("SCALSELECT_DEVICE");
}

}  // namespace
}  // namespace scalselect
