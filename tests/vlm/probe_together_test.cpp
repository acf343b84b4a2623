// Samples that go through the model together: what each of them gives alone, on the CPU, on the fake device and, where
// there is one, on a GPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include "core/error.h"
#include "core/parallel.h"
#include "tests/fake_device.h"
#include "tests/vlm/probe_test_util.h"
#include "vlm/checkpoint.h"
#include "vlm/open_model.h"

namespace scalselect::vlm {
namespace {

using testing::HasSubstr;

/// More prefixes than the probe tests' pool, with repetitions near and far.
std::vector<Sample> many(const Pictures& pictures) {
  std::vector<Sample> samples;
  const std::vector<std::string> heads = {"", "Look.\n", "Look at this picture now.\n"};
  for (int round = 0; round < 3; ++round) {
    for (auto& sample : pool(pictures)) {
      sample.row = std::ssize(samples);
      sample.turns.front().text.insert(0, heads[static_cast<std::size_t>(round % 3)]);
      samples.push_back(std::move(sample));
    }
  }
  return samples;
}

class Together : public testing::TestWithParam<const char*> {
 protected:
  ~Together() override {
    limit_fake_memory(std::int64_t{1} << 40);
    set_threads(1);
  }
  std::unique_ptr<VlmProbe> open(std::optional<std::int64_t> tokens, torch::Device device = torch::kCPU) const {
    auto opened = open_model(golden_folder(GetParam()), {}, {}, "auto");
    if (!device.is_cpu()) move_to(*opened.model, device);
    auto options = own_sizes();
    options.tokens_together = tokens;
    return std::make_unique<VlmProbe>(std::move(opened), options);
  }
  const Pictures pictures_;
};
INSTANTIATE_TEST_SUITE_P(Folders, Together,
                         testing::Values("llava_base", "llava_variant", "qwen3_base", "qwen25_base"));

TEST_P(Together, SignalsAreThoseOfEachAlone) {
  const auto samples = many(pictures_);
  for (const auto& request :
       {everything(), only_early(1, 1, TokenRoles::kStrict), only_early(2, 1, TokenRoles::kCompat)}) {
    const auto alone = observe(*open(0), samples, request);
    for (const std::int64_t tokens : {1, 150, 100'000}) {
      const auto seen = observe(*open(tokens), samples, request);
      ASSERT_EQ(seen.size(), samples.size());
      for (std::size_t i = 0; i < seen.size(); ++i) {
        SCOPED_TRACE("row " + std::to_string(i) + ", " + std::to_string(tokens) + " tokens");
        EXPECT_EQ(seen[i].reject, "");
        expect_close(seen[i], alone[i]);
      }
    }
  }
}

TEST_P(Together, TheSameCallHasTheSameBits) {
  const auto samples = many(pictures_);
  const auto request = everything();
  set_threads(1);
  const auto once = observe(*open(200), samples, request);
  for (int round = 0; round < 3; ++round) {
    set_threads(3);
    EXPECT_EQ(observe(*open(200), samples, request), once);
  }
}

/// Leverage of each row of z on the five leading directions, as ScalSelect ranks, and the `count` rows that lead.
std::set<std::int64_t> leaders(const std::vector<Signals>& signals, std::int64_t count) {
  std::vector<torch::Tensor> rows;
  for (const auto& signal : signals) {
    const auto attention = torch::tensor(signal.attention.at(0)).to(torch::kFloat64);
    const auto hidden = torch::tensor(signal.hidden.at(0)).to(torch::kFloat64).view({attention.size(0), -1});
    rows.push_back(attention.matmul(hidden) / attention.sum());
  }
  const auto z = torch::stack(rows);
  const auto u = std::get<0>(torch::linalg_svd(z - z.mean(0), /*full_matrices=*/false));
  const auto order = u.narrow(1, 0, 5).square().sum(1).argsort(0, /*descending=*/true);
  const auto* row = order.const_data_ptr<std::int64_t>();
  return {row, row + count};
}

TEST_P(Together, TheSameRowsLead) {
  const int rows = 80, led = 13;
  std::vector<Sample> samples;
  Rng rng(5, "test/ranks");
  for (int i = 0; i < rows; ++i) {
    Image image{30, 24, std::vector<std::uint8_t>(30 * 24 * 3)};
    const auto spread = 1 + rng.below(255);
    for (auto& value : image.rgb) value = static_cast<std::uint8_t>(rng.below(spread));
    const auto file = pictures_.path(100 + i);
    write_png(file, image);
    samples.push_back(sample(i, {file}, {"<image>\nWhat is this?", "A cat."}));
  }
  const auto request = only_early(1, 1, TokenRoles::kStrict);
  const auto alone = leaders(observe(*open(0), samples, request), led);
  EXPECT_EQ(leaders(observe(*open(1000), samples, request), led), alone);
  const auto in_bfloat16 = [&](std::int64_t tokens) {
    LoadOptions load;
    load.dtype = weight_dtype("bfloat16");
    auto options = own_sizes();
    options.tokens_together = tokens;
    VlmProbe probe(open_model(golden_folder(GetParam()), load, {}, "auto"), options);
    return leaders(observe(probe, samples, request), led);
  };
  const auto one = in_bfloat16(0), many = in_bfloat16(1000);
  std::vector<std::int64_t> both;
  std::set_intersection(one.begin(), one.end(), many.begin(), many.end(), std::back_inserter(both));
  EXPECT_GE(std::ssize(both), led - 1);
}

TEST_P(Together, OnDeviceAsOnTheCpuAlone) {
  const auto samples = many(pictures_);
  const auto request = everything();
  const auto alone = observe(*open(0), samples, request);
  for (const auto device : devices_beside_the_cpu()) {
    const auto seen = observe(*open({}, device), samples, request);
    ASSERT_EQ(seen.size(), samples.size());
    for (std::size_t i = 0; i < seen.size(); ++i) expect_close(seen[i], alone[i]);
  }
}

TEST_P(Together, WhatCannotBeUsedIsRejectedAndTheOthersAreNot) {
  auto samples = many(pictures_);
  samples[3].images.pop_back();
  samples[7].images = {pictures_.broken()};
  samples[8].images = {pictures_.path(0) + ".gone"};
  const auto request = only_early(1, 1, TokenRoles::kStrict);
  const auto alone = observe(*open(0), samples, request), seen = observe(*open(1000), samples, request);
  EXPECT_THAT(seen[7].reject, HasSubstr("broken.png"));
  EXPECT_THAT(seen[8].reject, HasSubstr("missing"));
  for (std::size_t i = 0; i < seen.size(); ++i) expect_close(seen[i], alone[i]);
}

TEST_P(Together, AFullDeviceTakesFewerAtATime) {
  const auto samples = many(pictures_);
  const auto request = only_early(2, 1, TokenRoles::kStrict);
  const auto alone = observe(*open(0), samples, request);
  auto probe = open({}, fake_device());
  const auto model = fake_memory_in_use();
  std::int64_t largest = 0;
  for (const auto& sample : samples) {
    const auto before = fake_memory_in_use();
    limit_fake_memory(std::int64_t{1} << 40);
    observe(*probe, std::span(&sample, 1), request);
    largest = std::max(largest, fake_memory_peak() - before);
  }
  limit_fake_memory(std::int64_t{1} << 40);
  probe = open({}, fake_device());  // that has kept no prefix
  limit_fake_memory(fake_memory_in_use() + largest + largest / 3);
  testing::internal::CaptureStderr();
  const auto seen = observe(*probe, samples, request);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("tokens at a time: continuing with"));
  for (std::size_t i = 0; i < seen.size(); ++i) expect_close(seen[i], alone[i]);
  limit_fake_memory(model + 1000);
  try {
    observe(*open({}, fake_device()), samples, request);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kEnvironment);
  } catch (const c10::OutOfMemoryError&) {
    // The model itself did not fit.
  }
}

TEST_P(Together, AnExceptionOfTheSinkEndsTheCall) {
  const auto samples = many(pictures_);
  const auto probe = open(100);
  int delivered = 0;
  const SignalSink sink = [&](const SampleSignals&) {
    if (++delivered == 5) throw std::runtime_error("the disk is full");
  };
  EXPECT_THROW(probe->observe(samples, only_early(1, 1, TokenRoles::kStrict), sink), std::runtime_error);
  EXPECT_EQ(delivered, 5);
}

}  // namespace
}  // namespace scalselect::vlm
