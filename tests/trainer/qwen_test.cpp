// Training on Qwen-VL: batches with images of several sizes, against transformers and peft
// (tests/vlm/golden/make_qwen.py).
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "core/files.h"
#include "core/rng.h"
#include "data/image.h"
#include "tests/trainer/training_test_util.h"
#include "trainer/gradients.h"
#include "trainer/group.h"
#include "trainer/image_features.h"
#include "trainer/loss.h"
#include "vlm/checkpoint.h"
#include "vlm/safetensors.h"

namespace scalselect::trainer {
namespace {

std::filesystem::path folder_of(const std::string& name) {
  return std::filesystem::path(SCALSELECT_SOURCE_DIR) / "tests" / "vlm" / "golden" / name;
}

/// The prompts of the golden file as training samples, and the images they use.
struct GoldenSet {
  explicit GoldenSet(const std::string& name) : tensors(folder_of(name) / "golden.safetensors") {
    const std::vector<std::vector<std::int64_t>> looks = {{0}, {1, 2}, {}};
    for (int i = 0; i < 3; ++i) {
      const auto ids = tensors.tensor("ids." + std::to_string(i)).flatten().contiguous();
      const auto labels = tensors.tensor("labels." + std::to_string(i)).flatten().contiguous();
      TrainingSample sample;
      sample.images = looks[i];
      for (std::int64_t t = 0; t < ids.size(0); ++t) {
        sample.ids.push_back(ids[t].item<std::int64_t>());
        sample.supervised.push_back(labels[t].item<std::int64_t>() >= 0 ? 1 : 0);
      }
      set.samples.push_back(sample);
      images.push_back(tensors.tensor("image." + std::to_string(i)).clone());
    }
  }
  vlm::TowerOutput encode(vlm::Vlm model, const std::vector<std::int64_t>& indices) const {
    torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> pixels;
    for (const auto index : indices) pixels.push_back(images[index]);
    return pixels.empty() ? vlm::TowerOutput{} : model->encode(pixels);
  }
  vlm::SafetensorsFile tensors;
  TrainingSet set;
  std::vector<torch::Tensor> images;
};

class QwenTraining : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, QwenTraining,
                         testing::Values("qwen3_base", "qwen3_tied", "qwen25_base", "qwen25_new"));

TEST_P(QwenTraining, LossOfABatchIsTheSumOfTransformersLosses) {
  torch::NoGradGuard no_grad;
  const GoldenSet golden(GetParam());
  auto model = vlm::load_vlm(folder_of(GetParam()));
  double expected = 0;
  for (int i = 0; i < 3; ++i) {
    expected += golden.tensors.tensor("loss." + std::to_string(i)).item<double>() *
                static_cast<double>(golden.set.samples[i].targets());
  }
  for (const std::int64_t align : {1, 16}) {
    const auto batch = collate(golden.set, std::vector<std::int64_t>{0, 1, 2}, 264, align);
    const auto loss = loss_sum(model, batch, golden.encode(model, batch.images)).item<double>();
    EXPECT_NEAR(loss, expected, 2e-5 * expected);
  }
}

TEST_P(QwenTraining, GradientsOfAnAdapterAreThoseOfPeft) {
  const GoldenSet golden(GetParam());
  auto model = vlm::load_vlm(folder_of(GetParam()));
  vlm::load_adapter(folder_of(GetParam()) / "adapter", model);
  auto parameters = model->named_parameters();
  for (auto& item : parameters) item.value().set_requires_grad(item.key().find("lora_") != std::string::npos);
  const auto batch = collate(golden.set, std::vector<std::int64_t>{1}, 264);
  const auto loss = loss_sum(model, batch, golden.encode(model, batch.images));
  (loss / static_cast<double>(batch.supervised)).backward();
  int compared = 0;
  for (const auto& name : golden.tensors.names()) {
    if (!name.starts_with("lora.grad.")) continue;
    const auto theirs = golden.tensors.tensor(name);
    const auto difference = (parameters[name.substr(10)].grad() - theirs).abs().max().item<double>();
    EXPECT_LT(difference, 1e-4 * theirs.abs().max().item<double>()) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 8);
}

TEST_P(QwenTraining, GradientsOfOneSampleAreThoseOfPeft) {
  const GoldenSet golden(GetParam());
  auto model = vlm::load_vlm(folder_of(GetParam()));
  vlm::load_adapter(folder_of(GetParam()) / "adapter", model);
  std::vector<std::string> names;
  std::vector<torch::Tensor> theirs;
  for (const auto& name : golden.tensors.names()) {
    if (!name.starts_with("lora.grad.")) continue;
    names.push_back(name.substr(10));
    theirs.push_back(golden.tensors.tensor(name).flatten());
  }
  const GradientComputer computer(model, names);
  auto ours = torch::empty({computer.size()});
  const auto loss = computer.compute(golden.set.samples[1], golden.encode(model, {1, 2}), ours.data_ptr<float>());
  EXPECT_NEAR(loss, golden.tensors.tensor("lora.loss").item<double>(), 1e-5 * loss);
  const auto expected = torch::cat(theirs);
  EXPECT_LT((ours - expected).norm().item<double>(), 1e-4 * expected.norm().item<double>());
}

/// Three pictures of different shapes and six rows about them.
std::vector<Sample> pool_in(const TestFolder& folder) {
  Rng rng(3, "test/pictures");
  const std::array<std::pair<int, int>, 3> sizes = {{{30, 24}, {20, 50}, {44, 16}}};
  for (int i = 0; i < 3; ++i) {
    Image image{sizes[i].first, sizes[i].second, {}};
    image.rgb.resize(static_cast<std::size_t>(3) * image.width * image.height);
    for (auto& value : image.rgb) value = static_cast<std::uint8_t>(rng.below(256));
    write_png(folder / (std::to_string(i) + ".png"), image);
  }
  std::vector<Sample> samples;
  for (int row = 0; row < 6; ++row) {
    Sample sample;
    sample.row = row;
    if (row != 5) sample.images = {(folder / (std::to_string(row % 3) + ".png")).string()};
    if (row == 4) sample.images.push_back((folder / "0.png").string());
    sample.turns = {{Role::kUser, "What is it" + std::string(static_cast<std::size_t>(row), '?')},
                    {Role::kAssistant, "the user"}};
    samples.push_back(sample);
  }
  return samples;
}

TEST(QwenFiles, TrainWithAndWithoutCachedFeatures) {
  TestFolder folder;
  const auto samples = pool_in(folder);
  const auto base = folder_of("qwen3_base");
  TrainOptions options;
  options.lora.r = 4;
  options.learning_rate = 0.01;
  options.batch_size = 2;
  options.max_steps = 8;
  options.train_projector = true;
  std::vector<double> losses[2];
  for (const int limit_mb : {64, 0}) {
    auto [model, chat, images] = vlm::open_model(base, {});
    auto set = make_training_set(samples, chat, *images, 256);
    ASSERT_EQ(set.samples.size(), 6u);
    EXPECT_GT(set.samples[1].length(), 0);
    ImageFeatures features(model, images, set, limit_mb);
    EXPECT_EQ(features.cached(), limit_mb > 0);
    const auto result = train(model, set, features, options, {{}, false});
    for (const auto& step : result.history) losses[limit_mb > 0].push_back(step.loss);
    EXPECT_LT(result.history.back().loss, result.history.front().loss);
    const auto spec = adapter_spec(options, model);
    EXPECT_EQ(spec.modules_to_save, (std::vector<std::string>{"visual.merger", "embed_tokens", "lm_head"}));
    for (const auto& name : result.trained) {
      const bool tower = name.find(".visual.") != std::string::npos;
      EXPECT_TRUE(!tower || name.find("visual.merger.") != std::string::npos) << name;
    }
    // A model that is saved and loaded again gives the same result.
    vlm::save_adapter(folder / "adapter", model, spec);
    auto again = vlm::load_vlm(base);
    vlm::load_adapter(folder / "adapter", again);
    torch::NoGradGuard no_grad;
    const auto batch = collate(set, std::vector<std::int64_t>{0, 3}, 264);
    EXPECT_EQ(loss_sum(again, batch, features.fetch(batch.images)).item<double>(),
              loss_sum(model, batch, features.fetch(batch.images)).item<double>());
  }
  ASSERT_EQ(losses[0].size(), losses[1].size());
  EXPECT_EQ(losses[0], losses[1]);
}

TEST(ImageFeatures, AnUnreadablePictureCostsItsRowsWithAndWithoutACache) {
  TestFolder folder;
  const auto samples = pool_in(folder);
  auto [model, chat, images] = vlm::open_model(folder_of("llava_base"), {});
  write_file_atomically(folder / "1.png", "no picture");
  std::string digests[2];
  for (const int limit_mb : {0, 64}) {
    auto set = make_training_set(samples, chat, *images, 256);
    ImageFeatures features(model, images, set, limit_mb);
    EXPECT_EQ(features.cached(), limit_mb > 0);
    ASSERT_EQ(set.samples.size(), 4u);  // rows 1 and 4 use 1.png
    ASSERT_EQ(set.skipped.size(), 2u);
    EXPECT_NE(set.skipped[0].reason.find("1.png"), std::string::npos);
    digests[limit_mb > 0] = set.digest();
    for (const auto& sample : set.samples) {
      if (!sample.images.empty()) {
        EXPECT_EQ(features.fetch(sample.images).grids.size(), sample.images.size());
      }
    }
  }
  EXPECT_EQ(digests[0], digests[1]);
}

/// A process whose companions say nothing: what is found is its own.
class Silent final : public TrainingGroup {
 public:
  explicit Silent(int rank) : rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return 2; }
  void add_up(torch::Tensor&) override {}

 private:
  int rank_;
};

TEST(ImageFeatures, AProcessOfAGroupDecodesItsShare) {
  TestFolder folder;
  const auto samples = pool_in(folder);
  auto [model, chat, images] = vlm::open_model(folder_of("llava_base"), {});
  write_file_atomically(folder / "1.png", "no picture");  // the second image of the set: that of process 1
  for (const int limit_mb : {0, 64}) {
    for (const int rank : {0, 1}) {
      auto set = make_training_set(samples, chat, *images, 256);
      Silent group(rank);
      const ImageFeatures features(model, images, set, limit_mb, &group);
      EXPECT_EQ(set.skipped.size(), rank == 1 ? 2u : 0u);
    }
  }
}

TEST(ImageFeatures, AllProcessesOfAGroupLeaveOutTheSameRowsAndHaveTheSameFeatures) {
  for (const char* base : {"llava_base", "qwen3_base"}) {
    TestFolder folder;
    const auto samples = pool_in(folder);
    write_file_atomically(folder / "1.png", "no picture");
    const auto opened = [&](TrainingGroup* group, const auto& use) {
      auto [model, chat, images] = vlm::open_model(folder_of(base), {});
      share_image_tokens(samples, *images, group);
      auto set = make_training_set(samples, chat, *images, 256);
      ImageFeatures features(model, images, set, 64, group);
      EXPECT_TRUE(features.cached());
      use(set, features.fetch(set.samples[0].images).features);
    };
    std::string digest;
    torch::Tensor first;
    opened(nullptr, [&](const TrainingSet& set, const torch::Tensor& features) {
      digest = set.digest();
      first = features;
      EXPECT_EQ(set.skipped.size(), 2u);
    });
    std::vector<std::thread> members;
    for (int rank = 0; rank < 2; ++rank) {
      members.emplace_back([&, rank] {
        const auto group = meet(folder / "meeting", rank, 2, std::chrono::seconds(60));
        opened(group.get(), [&](const TrainingSet& set, const torch::Tensor& features) {
          EXPECT_EQ(set.skipped.size(), 2u) << base;
          EXPECT_EQ(set.digest(), digest) << base;
          EXPECT_TRUE(torch::equal(features, first)) << base;
        });
      });
    }
    for (auto& member : members) member.join();
  }
}

}  // namespace
}  // namespace scalselect::trainer
