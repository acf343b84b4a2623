// The training that golden/make_training.py ran with transformers and PEFT, run here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/files.h"
#include "tests/trainer/training_test_util.h"
#include "trainer/bfloat16.h"
#include "vlm/checkpoint.h"
#include "vlm/safetensors.h"

namespace scalselect::trainer {

inline const std::filesystem::path kGolden = SCALSELECT_TEST_DATA;
inline const std::filesystem::path kBase =
    std::filesystem::path(SCALSELECT_SOURCE_DIR) / "tests" / "vlm" / "golden" / "llava_base";

inline nlohmann::json golden(const char* file = "training.json") {
  return nlohmann::json::parse(read_file(kGolden / file));
}

inline TrainingSet golden_set(const nlohmann::json& tree) {
  TrainingSet set;
  for (const auto& item : tree.at("samples")) {
    TrainingSample sample;
    sample.ids = item.at("ids").get<std::vector<std::int64_t>>();
    sample.supervised = item.at("supervised").get<std::vector<std::uint8_t>>();
    if (sample.ids[1] == 350) {
      sample.images = {static_cast<std::int64_t>(set.images.size())};
      set.images.push_back(std::to_string(set.images.size()));
    }
    set.samples.push_back(sample);
  }
  return set;
}

struct GoldenRun {
  vlm::LlavaModel model;
  TrainOptions options;
  TrainResult result;
};

/// From PEFT's initial adapter, with the file's options. `options`: what else is wanted.
inline GoldenRun golden_run(const nlohmann::json& tree, TrainOptions options = {}) {
  auto model = vlm::load_llava(kBase, load_for_training(options));
  const vlm::SafetensorsFile tensors(kGolden / "training.safetensors");
  const auto encoded = [&] {
    const torch::NoGradGuard no_grad;
    return model->encode_images(tensors.tensor("pixels"));
  }();
  auto set = golden_set(tree);
  ImageFeatures features(encoded);
  const auto spec = vlm::load_adapter(kGolden / "initial", model);
  options.lora.r = static_cast<int>(spec.r);
  options.lora.alpha = spec.alpha;
  options.learning_rate = tree.at("learning_rate");
  options.projector_lr = tree.at("projector_lr").get<double>();
  options.weight_decay = tree.at("weight_decay");
  options.warmup_ratio = tree.at("warmup").get<double>() / tree.at("steps").get<double>();
  options.max_steps = tree.at("steps").get<std::int64_t>();
  options.batch_size = 2;
  options.accumulation = 2;
  auto result = train(model, set, features, options, {{}, false});
  return {model, options, std::move(result)};
}

}  // namespace scalselect::trainer
