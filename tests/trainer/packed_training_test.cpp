// A batch laid out as one sequence: losses and gradients of its samples alone, for every architecture, with and without
// gradient checkpointing, in both precisions; nothing passes from one sample to another.
#include <gtest/gtest.h>

#include <map>

#include "tests/trainer/training_test_util.h"
#include "trainer/bfloat16.h"
#include "trainer/loss.h"
#include "vlm/checkpoint.h"
#include "vlm/safetensors.h"

namespace scalselect::trainer {
namespace {

/// A model with an adapter, and rows about none, one and two of its images.
struct Case {
  explicit Case(const std::string& name) : model(nullptr) {
    torch::NoGradGuard no_grad;
    const auto folder = std::filesystem::path(SCALSELECT_SOURCE_DIR) / "tests" / "vlm" / "golden" / name;
    model = vlm::load_vlm(folder);
    const vlm::SafetensorsFile tensors(folder / "golden.safetensors");
    if (tensors.has("pixels")) {
      for (const auto& pixels : tensors.tensor("pixels").clone().unbind()) images.push_back(model->encode({pixels}));
    }
    for (int i = 0; tensors.has("image." + std::to_string(i)); ++i) {
      images.push_back(model->encode({tensors.tensor("image." + std::to_string(i)).clone()}));
    }
    vlm::AdapterSpec spec;
    spec.target_modules = {"q_proj", "v_proj", "o_proj", "down_proj"};
    spec.exclude_pattern = model->frozen_pattern();
    vlm::attach_adapter(model, spec);
    for (auto& item : model->named_parameters()) {
      if (item.key().ends_with("lora_B")) item.value().normal_(0, 0.05);
      item.value().set_requires_grad(item.key().find("lora_") != std::string::npos ||
                                     item.key().find("embed_tokens") != std::string::npos);
    }
    const auto last = std::ssize(images) - 1;
    for (const auto& looks : {std::vector<std::int64_t>{0}, {}, {last, 0}, {last}, {}}) add(looks);
  }

  /// Tokens around the placeholders; two answers, the second longer for later rows.
  void add(const std::vector<std::int64_t>& looks) {
    TrainingSample sample;
    sample.images = looks;
    const auto row = std::ssize(set.samples);
    const auto text = [&](std::int64_t count, std::uint8_t supervised) {
      for (std::int64_t i = 0; i < count; ++i) {
        sample.ids.push_back(3 + (row * 31 + std::ssize(sample.ids) * 7) % 90);
        sample.supervised.push_back(supervised);
      }
    };
    text(2 + row, 0);
    for (const auto image : looks) {
      const auto count = images[image].grids[0].tokens();
      sample.ids.insert(sample.ids.end(), count, model->image_token_id());
      sample.supervised.resize(sample.ids.size(), 0);
      text(1, 0);
    }
    text(3, 1);
    text(4, 0);
    text(1 + row, 1);
    text(1, 0);
    set.samples.push_back(sample);
  }

  struct Found {
    double loss = 0;
    std::map<std::string, torch::Tensor> gradients;
  };
  Found run(const std::vector<std::vector<std::int64_t>>& batches, std::int64_t layers, bool half, std::int64_t align) {
    Found found;
    for (const auto& indices : batches) {
      const auto batch = collate(set, indices, 0, align);
      std::vector<vlm::TowerOutput> seen;
      for (const auto image : batch.images) seen.push_back(images[image]);
      torch::Tensor loss;
      {
        const BFloat16Products products(half, torch::kCPU);
        loss = loss_sum(model, batch, vlm::concatenate(seen), {layers, false});
      }
      loss.backward();
      found.loss += loss.item<double>();
    }
    for (auto& item : model->named_parameters()) {
      if (!item.value().requires_grad()) continue;
      found.gradients[item.key()] = item.value().grad().clone();
      item.value().mutable_grad().reset();
    }
    return found;
  }

  vlm::Vlm model;
  std::vector<vlm::TowerOutput> images;
  TrainingSet set;
};

class PackedTraining : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, PackedTraining,
                         testing::Values("llava_base", "qwen3_base", "qwen3_tied", "qwen25_new"));

TEST_P(PackedTraining, LossAndGradientsAreThoseOfTheSamplesAlone) {
  Case c(GetParam());
  for (const bool half : {false, true}) {
    const double tolerance = half ? 3e-2 : 2e-5;
    const std::int64_t align = half ? 64 : 1;  // few shapes: each costs the library for bfloat16 time
    const auto alone = c.run({{0}, {1}, {2}, {3}, {4}}, 0, half, align);
    for (const std::int64_t layers : {0, 2}) {
      const auto packed = c.run({{0, 1, 2, 3, 4}}, layers, half, align);
      EXPECT_NEAR(packed.loss, alone.loss, tolerance * alone.loss) << layers;
      for (const auto& [name, gradient] : alone.gradients) {
        const auto difference = (packed.gradients.at(name) - gradient).norm().item<double>();
        EXPECT_LE(difference, 2 * tolerance * gradient.norm().item<double>() + 1e-7) << name << ", " << layers;
      }
    }
  }
}

TEST_P(PackedTraining, NoTokenSeesAnotherSample) {
  Case c(GetParam());
  torch::NoGradGuard no_grad;
  const auto states_of = [&](const std::vector<std::int64_t>& indices) {
    const auto batch = collate(c.set, indices, 0);
    std::vector<vlm::TowerOutput> seen;
    for (const auto image : batch.images) seen.push_back(c.images[image]);
    vlm::VisualTokens visual;
    if (!seen.empty()) visual = c.model->project(vlm::concatenate(seen));
    return supervised_states(c.model, batch, visual);
  };
  const auto alone = states_of({3});
  for (const auto& before : {std::vector<std::int64_t>{1}, {0, 2}, {2, 1, 4, 0}}) {
    auto indices = before;
    indices.push_back(3);
    indices.push_back(1);
    const auto packed = states_of(indices);
    std::int64_t first = 0;
    for (const auto index : before) first += c.set.samples[index].targets();
    EXPECT_TRUE(torch::allclose(packed.narrow(0, first, alone.size(0)), alone, 1e-4, 1e-5));
  }
}

TEST(PackedBatch, LaysSamplesOneAfterAnother) {
  TrainingSet set;
  set.samples.resize(2);
  set.samples[0].ids = {1, 5, 6, 2}, set.samples[0].supervised = {0, 0, 1, 1};
  set.samples[1].ids = {1, 7, 2}, set.samples[1].supervised = {0, 0, 1};
  const auto batch = collate(set, std::vector<std::int64_t>{0, 1}, 9, 4);
  EXPECT_TRUE(torch::equal(batch.ids, torch::tensor({{1L, 5L, 6L, 2L, 1L, 7L, 2L, 9L}})));
  EXPECT_TRUE(torch::equal(batch.places, torch::tensor({{0L, 1L, 2L, 3L, 0L, 1L, 2L, 0L}})));
  EXPECT_TRUE(torch::equal(batch.rows, torch::tensor({1L, 2L, 5L, 7L})));
  EXPECT_TRUE(torch::equal(batch.targets, torch::tensor({6L, 2L, 2L, -100L})));
  EXPECT_EQ(batch.spans.starts, (std::vector<std::int64_t>{0, 4, 7, 8}));
  EXPECT_EQ(batch.asked, (std::vector<std::int64_t>{0, 2, 3, 4}));
  EXPECT_EQ(batch.tokens, 7);
  EXPECT_EQ(batch.supervised, 3);
}

}  // namespace
}  // namespace scalselect::trainer
