// Against transformers + peft + torch.optim (golden/make_training.py): schedules, losses, norms, adapters.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "tests/trainer/golden_training.h"
#include "trainer/schedule.h"

namespace scalselect::trainer {
namespace {

using nlohmann::json;

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
  const auto [model, options, result] = golden_run(tree);
  EXPECT_EQ(options.lora.r, 4);
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
