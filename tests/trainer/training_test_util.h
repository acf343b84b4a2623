// A tiny random LLaVA and synthetic rows, so that the loop can be tested without files.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/rng.h"
#include "trainer/train.h"
#include "vlm/libtorch.h"
#include "vlm/llava.h"

namespace scalselect::trainer {

inline vlm::LlavaConfig tiny_config() {
  vlm::LlavaConfig config;
  config.vision = {};
  config.vision.hidden_size = 16;
  config.vision.intermediate_size = 24;
  config.vision.num_hidden_layers = 2;
  config.vision.num_attention_heads = 2;
  config.vision.image_size = 16;
  config.vision.patch_size = 8;
  config.text.vocab_size = 40;
  config.text.hidden_size = 32;
  config.text.intermediate_size = 48;
  config.text.num_hidden_layers = 2;
  config.text.num_attention_heads = 4;
  config.text.num_key_value_heads = 2;
  config.text.head_dim = 8;
  config.image_token_id = 39;
  config.pad_token_id = 0;
  return config;
}

inline vlm::LlavaModel tiny_model(std::uint64_t seed = 5, int layers = 2) {
  torch::manual_seed(seed);
  auto config = tiny_config();
  config.text.num_hidden_layers = layers;
  vlm::LlavaModel model(config);
  vlm::randomise(model);
  model->eval();
  return model;
}

/// `count` rows: BOS, four placeholders (all but every fifth row), a question of 2 to 12 tokens, an answer of 1 to 3
/// that repeats the question's first token, and its end token.
inline TrainingSet synthetic_set(int count, std::uint64_t seed = 1) {
  TrainingSet set;
  Rng rng(seed, "test/rows");
  for (int row = 0; row < count; ++row) {
    TrainingSample sample;
    sample.row = row;
    sample.ids = {1};
    if (row % 5 != 4) {
      sample.ids.insert(sample.ids.end(), 4, 39);
      sample.images = {row % 7};
    }
    const auto first = rng.between(3, 30);
    sample.ids.push_back(first);
    for (auto more = rng.between(1, 11); more > 0; --more) sample.ids.push_back(rng.between(3, 30));
    sample.supervised.assign(sample.ids.size(), 0);
    for (auto answer = rng.between(1, 3); answer > 0; --answer) sample.ids.push_back(first);
    sample.ids.push_back(2);
    sample.supervised.resize(sample.ids.size(), 1);
    set.samples.push_back(sample);
  }
  for (int i = 0; i < 7; ++i) set.images.push_back("image" + std::to_string(i));
  return set;
}

/// Two passes in batches of four, a checkpoint every third step.
inline TrainOptions small_options() {
  TrainOptions options;
  options.lora.r = 4;
  options.lora.alpha = 8;
  options.learning_rate = 1e-2;
  options.batch_size = 4;
  options.epochs = 2;
  options.checkpoint_every = 3;
  return options;
}

/// Features of the seven images of `synthetic_set`.
inline ImageFeatures synthetic_features(vlm::LlavaModel& model) {
  torch::NoGradGuard no_grad;
  auto generator = torch::make_generator<at::CPUGeneratorImpl>(9);
  return ImageFeatures(model->encode_images(torch::randn({7, 3, 16, 16}, generator)));
}

/// A folder that is empty before and removed after a test.
class TestFolder {
 public:
  TestFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::temp_directory_path() /
            ("scalselect-" + std::string(test->test_suite_name()) + "-" + test->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace scalselect::trainer
