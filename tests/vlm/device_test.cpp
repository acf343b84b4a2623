// Devices: on the fake one (see tests/fake_device.h), and on a GPU if there is one, models must give the same results
// as on the CPU.
#include "vlm/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "tests/fake_device.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/generation.h"
#include "vlm/probe_pass.h"
#include "vlm/sample_threads.h"

namespace scalselect::vlm {
namespace {

class OnDevice : public testing::TestWithParam<const char*> {
 protected:
  const std::vector<torch::Device> others_ = devices_beside_the_cpu();
  Vlm load(torch::Device device) const {
    LoadOptions options;
    options.device = device.is_cuda() ? device : torch::Device(torch::kCPU);
    auto model = load_vlm(golden_folder(GetParam()), options);
    if (!device.is_cpu()) move_to(*model, device);
    return model;
  }
  bool qwen() const { return std::string(GetParam()).starts_with("qwen"); }
  torch::Tensor pixels() const {
    const std::string name = GetParam();
    const std::int64_t side = name.starts_with("qwen3") ? 64
                              : qwen()                  ? 56
                                                        : read_llava_config(golden_folder(name)).vision.image_size;
    torch::manual_seed(1);
    return torch::randn({3, side, side});
  }
  /// Image tokens between text.
  std::vector<std::int64_t> ids(Vlm model, std::int64_t image_tokens) const {
    std::vector<std::int64_t> out = {5, 6, 7};
    out.insert(out.end(), static_cast<std::size_t>(image_tokens), model->image_token_id());
    out.insert(out.end(), {8, 9, 10, 11});
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(Folders, OnDevice, testing::Values("llava_base", "llava_variant", "qwen3_base", "qwen25_new"));

struct Outputs {
  torch::Tensor logits, attention;
};

TEST_P(OnDevice, StatesLogitsAndAttentionAreTheCpus) {
  torch::NoGradGuard no_grad;
  const auto run = [&](torch::Device device) {
    auto model = load(device);
    EXPECT_EQ(model->device().type(), device.type());
    const auto visual = model->project(model->encode({pixels()}));
    EXPECT_EQ(visual.rows.device().type(), device.type());
    const auto tokens = torch::tensor(ids(model, visual.grids.front().tokens())).unsqueeze(0).to(device);
    auto input = model->assemble(tokens, visual);
    const auto before = input.embeddings;
    DecodeOptions options;
    options.positions = input.positions;
    options.deep = input.deep;
    const auto states = model->decode(before, options);
    const auto queries = torch::tensor({tokens.size(1) - 1, tokens.size(1) - 2}).to(device);
    const Outputs out{model->logits(states), model->attention_rows(1, before, queries, input.positions)};
    EXPECT_EQ(out.logits.device().type(), device.type());
    return Outputs{out.logits.cpu(), out.attention.cpu()};
  };
  const auto cpu = run(torch::kCPU);
  for (const auto device : others_) {
    const auto other = run(device);
    EXPECT_LT(relative_error(other.logits, cpu.logits), 1e-5) << device;
    EXPECT_LT(relative_error(other.attention, cpu.attention), 1e-5) << device;
  }
}

TEST_P(OnDevice, AnswersAreTheCpus) {
  torch::NoGradGuard no_grad;
  const auto run = [&](torch::Device device) {
    auto model = load(device);
    const auto visual = model->project(model->encode({pixels()}));
    GreedyOptions options;
    options.max_new_tokens = 6;
    options.repetition_penalty = 1.1;
    return generate_greedy(model, {{ids(model, visual.grids.front().tokens()), visual}, {{5, 6, 7, 8}, {}}}, options);
  };
  const auto cpu = run(torch::kCPU);
  for (const auto device : others_) EXPECT_EQ(run(device), cpu) << device;
}

TEST(FakeDevice, RefusesWhatWasLeftOnTheCpu) {
  const auto here = torch::ones({2, 3}), there = torch::ones({2, 3}).to(fake_device());
  EXPECT_THROW(there + here, c10::Error);
  EXPECT_THROW(torch::cat({there, here}), c10::Error);
  EXPECT_TRUE(torch::equal((there + there).cpu(), here * 2));
}

TEST(Device, TheCpuNeedsNothing) { EXPECT_TRUE(open_device({}).is_cpu()); }

TEST(Device, WithoutAGpuOneSentenceSaysSo) {
  try {
    EXPECT_TRUE(open_device({true, 0}).is_cuda());
    GTEST_SKIP() << "this machine has a GPU";
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kEnvironment);
    EXPECT_NE(std::string(error.what()).find("device=cpu"), std::string::npos) << error.what();
  }
}

TEST(DevicePermit, FourAtATimeAndNestedOnesDoNotWait) {
  set_threads(16);
  std::atomic<int> inside = 0, most = 0, done = 0;
  parallel_samples(400, [&](std::int64_t i) {
    try {
      const DevicePermit permit(fake_device());
      const int now = ++inside;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      const DevicePermit again(fake_device());
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      --inside;
      if (i % 7 == 0) throw std::runtime_error("a permit is released nevertheless");
    } catch (const std::runtime_error&) {
    }
    ++done;
  });
  EXPECT_EQ(done, 400);
  EXPECT_LE(most, 4);
  EXPECT_GT(most, 1);
}

[[noreturn]] void out_of_memory() { throw c10::OutOfMemoryError({__func__, __FILE__, 1}, "CUDA out of memory."); }

TEST(ParallelSamples, AGpuHoldsNoMoreThanHaveAPermit) {
  set_threads(16);
  set_device({true, 0});  // opens nothing
  std::atomic<bool> refused = false;
  testing::internal::CaptureStderr();
  parallel_samples(20, [&](std::int64_t) {
    if (!refused.exchange(true)) out_of_memory();
  });
  set_device({});
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("does not hold 4 samples at a time: continuing with 2"));
}

TEST(SamplesInTurn, AFullGpuIsASentence) {
  int runs = 0;
  samples_in_turn(3, [&](std::int64_t) { ++runs; });
  EXPECT_EQ(runs, 3);
  EXPECT_THROW(samples_in_turn(1, [](std::int64_t) { out_of_memory(); }), UserError);
}

TEST(ParallelSamples, RunAgainFewerAtOnceWhenMemoryIsFull) {
  set_threads(8);
  std::atomic<int> at_once = 0, most = 0, refused = 0;
  std::vector<std::atomic<int>> runs(50);
  parallel_samples(50, [&](std::int64_t i) {
    const int now = ++at_once;
    if (now > 3) {
      --at_once;
      ++refused;
      out_of_memory();
    }
    most = std::max(most.load(), now);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ++runs[static_cast<std::size_t>(i)];
    --at_once;
  });
  EXPECT_GT(refused, 0);
  EXPECT_LE(most, 3);
  for (const auto& count : runs) EXPECT_EQ(count, 1);
  EXPECT_THROW(parallel_samples(4, [](std::int64_t) { out_of_memory(); }), UserError);
}

}  // namespace
}  // namespace scalselect::vlm
