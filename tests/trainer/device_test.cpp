// Training on devices that are not the CPU (see tests/fake_device.h): every tensor of a step is there.
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
  // Stopped behind its first checkpoint, it goes on from there.
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
  for (const auto device : vlm::devices_beside_the_cpu()) {
    const auto other = train_on(device, folder / device.str(), 6);
    ASSERT_EQ(other.history.size(), cpu.history.size());
    for (std::size_t i = 0; i < cpu.history.size(); ++i) {
      EXPECT_NEAR(other.history[i].loss, cpu.history[i].loss, 1e-4) << device << ' ' << i;
      EXPECT_NEAR(other.history[i].grad_norm, cpu.history[i].grad_norm, 1e-3 * cpu.history[i].grad_norm)
          << device << ' ' << i;
    }
  }
}

}  // namespace
}  // namespace scalselect::trainer
