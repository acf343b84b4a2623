// Training on a device that is not the CPU (see tests/fake_device.h): every tensor of a step is there. Training on a
// GPU is cli:gpu's: with the fake device in the same process, LibTorch would not run a backward pass on one.
#include <gtest/gtest.h>

#include "tests/fake_device.h"
#include "tests/trainer/training_test_util.h"
#include "trainer/train.h"

namespace scalselect::trainer {
namespace {

TrainResult train_on(torch::Device device, const std::filesystem::path& folder, std::int64_t steps) {
  auto model = tiny_model();
  auto features = synthetic_features(model);
  vlm::move_to(*model, device);
  TrainOptions options;
  options.lora.r = 4;
  options.learning_rate = 1e-2;
  options.batch_size = 4;
  options.accumulation = 2;
  options.max_steps = steps;
  options.checkpoint_every = 2;
  TrainCallbacks callbacks;
  callbacks.progress = false;
  // Stopped after its first checkpoint, it resumes from there.
  bool stopped = false;
  callbacks.on_step = [&](const StepRecord& record) {
    if (!stopped && record.step == 3) {
      stopped = true;
      throw std::runtime_error("stop");
    }
  };
  EXPECT_THROW(train(model, synthetic_set(30), features, options, callbacks, folder), std::runtime_error);
  auto again = tiny_model();
  vlm::move_to(*again, device);
  return train(again, synthetic_set(30), features, options, callbacks, folder);
}

TEST(TrainOnDevice, LossesAreTheCpus) {
  const TestFolder folder;
  const auto cpu = train_on(torch::kCPU, folder / "cpu", 6);
  const auto fake = train_on(vlm::fake_device(), folder / "fake", 6);
  ASSERT_EQ(fake.history.size(), cpu.history.size());
  for (std::size_t i = 0; i < cpu.history.size(); ++i) {
    EXPECT_NEAR(fake.history[i].loss, cpu.history[i].loss, 1e-4) << i;
    EXPECT_NEAR(fake.history[i].grad_norm, cpu.history[i].grad_norm, 1e-3 * cpu.history[i].grad_norm) << i;
  }
}

}  // namespace
}  // namespace scalselect::trainer
