// Against transformers + peft + torch.optim (golden/make_training.py): schedules, losses, norms, adapters.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "tests/trainer/training_test_util.h"
#include "trainer/schedule.h"
#include "vlm/checkpoint.h"
#include "vlm/safetensors.h"

namespace scalselect::trainer {
namespace {

using nlohmann::json;

const std::filesystem::path kGolden = SCALSELECT_TEST_DATA;
const std::filesystem::path kBase =
    std::filesystem::path(SCALSELECT_SOURCE_DIR) / "tests" / "vlm" / "golden" / "llava_base";

json golden() { return json::parse(read_file(kGolden / "training.json")); }

TrainingSet golden_set(const json& tree) {
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

TEST(Golden, SchedulesAreThoseOfTransformers) {
  const std::map<std::string, Schedule> kinds = {
      {"cosine", Schedule::kCosine}, {"linear", Schedule::kLinear}, {"constant", Schedule::kConstant}};
  for (const auto& row : golden().at("schedules")) {
    const auto warmup = row.at("warmup").get<std::int64_t>(), total = row.at("total").get<std::int64_t>();
    for (std::int64_t step = 0; step < total; ++step) {
      EXPECT_NEAR(schedule_factor(kinds.at(row.at("schedule")), step, warmup, total),
                  row.at("factors")[step].get<double>(), 1e-12)
          << row.at("schedule") << " " << warmup << " " << total << " " << step;
    }
  }
}

TEST(Golden, TrainingFromAPeftAdapterGivesPeftsLosses) {
  const auto tree = golden();
  const vlm::SafetensorsFile tensors(kGolden / "training.safetensors");
  auto model = vlm::load_llava(kBase);
  auto set = golden_set(tree);
  torch::Tensor encoded;
  {
    torch::NoGradGuard no_grad;
    encoded = model->encode_images(tensors.tensor("pixels"));
  }
  ImageFeatures features(encoded);
  const auto spec = vlm::load_adapter(kGolden / "initial", model);
  EXPECT_EQ(spec.r, 4);
  TrainOptions options;
  options.lora.r = static_cast<int>(spec.r);
  options.lora.alpha = spec.alpha;
  options.learning_rate = tree.at("learning_rate");
  options.projector_lr = tree.at("projector_lr").get<double>();
  options.weight_decay = tree.at("weight_decay");
  options.warmup_ratio = tree.at("warmup").get<double>() / tree.at("steps").get<double>();
  options.max_steps = tree.at("steps").get<std::int64_t>();
  options.batch_size = 2;
  options.accumulation = 2;
  const auto result = train(model, set, features, options, {{}, false});
  ASSERT_EQ(result.steps, 8);
  for (std::size_t i = 0; i < 8; ++i) {
    const double loss = tree.at("losses")[i], norm = tree.at("grad_norms")[i];
    EXPECT_NEAR(result.history[i].loss, loss, 1e-4) << i;
    EXPECT_NEAR(result.history[i].grad_norm, norm, 1e-3 * norm) << i;
  }
  TestFolder folder;
  vlm::save_adapter(folder / "adapter", model, adapter_spec(options, model));
  const vlm::SafetensorsFile ours(folder / "adapter" / "adapter_model.safetensors");
  int compared = 0;
  for (const auto& name : tensors.names()) {
    if (name == "pixels") continue;
    EXPECT_LT((ours.tensor(name) - tensors.tensor(name)).abs().max().item<double>(), 2e-4) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 3 * 7 * 2 + 4);
}

TEST(Golden, SavedAdapterHasPeftsNames) {
  auto model = vlm::load_llava(kBase);
  const auto spec = vlm::load_adapter(kGolden / "initial", model);
  TestFolder folder;
  vlm::save_adapter(folder / "copy", model, spec);
  const vlm::SafetensorsFile theirs(kGolden / "initial" / "adapter_model.safetensors");
  const vlm::SafetensorsFile ours(folder / "copy" / "adapter_model.safetensors");
  EXPECT_EQ(ours.names(), theirs.names());
  for (const auto& name : ours.names()) EXPECT_TRUE(torch::equal(ours.tensor(name), theirs.tensor(name))) << name;
  const auto config = json::parse(read_file(folder / "copy" / "adapter_config.json"));
  const auto reference = json::parse(read_file(kGolden / "initial" / "adapter_config.json"));
  for (const auto* key : {"r", "lora_alpha", "target_modules", "modules_to_save", "peft_type", "task_type", "bias"}) {
    EXPECT_EQ(config.at(key), reference.at(key)) << key;
  }
}

}  // namespace
}  // namespace scalselect::trainer
