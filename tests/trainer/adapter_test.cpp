// Adapters: targets by PEFT's rules, round trips, merging, refusals.
#include "vlm/adapter.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/message_of.h"
#include "tests/trainer/training_test_util.h"
#include "vlm/safetensors.h"

namespace scalselect::vlm {
namespace {

using trainer::TestFolder;
using trainer::tiny_model;

torch::Tensor output(LlavaModel& model) {
  torch::NoGradGuard no_grad;
  return model->logits(model->decode(model->embed(torch::tensor({{1L, 5L, 9L, 3L, 2L}}))));
}

/// A model whose branches are not zero.
LlavaModel adapted(const AdapterSpec& spec) {
  auto model = tiny_model();
  attach_adapter(model, spec);
  torch::NoGradGuard no_grad;
  for (auto& item : model->named_parameters()) {
    if (item.key().ends_with("lora_B")) item.value().normal_(0, 0.3);
  }
  return model;
}

AdapterSpec some_spec() {
  AdapterSpec spec;
  spec.r = 3;
  spec.alpha = 6;
  spec.target_modules = {"q_proj", "down_proj"};
  spec.modules_to_save = {"multi_modal_projector", "lm_head"};
  return spec;
}

TEST(Adapter, SuffixesMatchByPeftsRuleAndSpareTheTower) {
  auto model = tiny_model();
  auto spec = some_spec();
  EXPECT_THAT(adapter_targets(model, spec), testing::ElementsAre("model.language_model.layers.0.self_attn.q_proj",
                                                                 "model.language_model.layers.0.mlp.down_proj",
                                                                 "model.language_model.layers.1.self_attn.q_proj",
                                                                 "model.language_model.layers.1.mlp.down_proj"));
  spec.exclude_pattern.clear();  // PEFT's plain rule: the tower's projections carry the same names
  EXPECT_THAT(adapter_targets(model, spec),
              testing::Contains("model.vision_tower.vision_model.encoder.layers.0.self_attn.q_proj"));
  spec.target_modules = {"proj"};
  EXPECT_TRUE(adapter_targets(model, spec).empty());
}

TEST(Adapter, PatternsMatchWholeNames) {
  auto model = tiny_model();
  AdapterSpec spec;
  spec.target_pattern = R"(.*layers\.1\..*(?:q|k)_proj)";
  EXPECT_EQ(adapter_targets(model, spec).size(), 2u);
  spec.target_pattern = "q_proj";
  EXPECT_TRUE(adapter_targets(model, spec).empty());
  EXPECT_THAT(message_of([&] { attach_adapter(model, spec); }), testing::HasSubstr("lm_head"));
  spec.target_pattern = "(q_proj";
  EXPECT_THAT(message_of([&] { attach_adapter(model, spec); }), testing::HasSubstr("regular expression"));
  spec.target_pattern = R"((\w+|\w|\.)+\s)";
  EXPECT_THAT(message_of([&] { attach_adapter(model, spec); }), testing::HasSubstr("too many steps"));
}

TEST(Adapter, RoundTripIsBitExact) {
  TestFolder folder;
  auto model = adapted(some_spec());
  save_adapter(folder / "adapter", model, some_spec());
  auto other = tiny_model();
  const auto spec = load_adapter(folder / "adapter", other);
  EXPECT_TRUE(torch::equal(output(model), output(other)));
  EXPECT_EQ(spec.target_modules, some_spec().target_modules);
  EXPECT_EQ(spec.modules_to_save, some_spec().modules_to_save);
  EXPECT_DOUBLE_EQ(spec.scaling(), 2.0);
  save_adapter(folder / "again", other, spec);
  EXPECT_EQ(read_file(folder / "again/adapter_model.safetensors"),
            read_file(folder / "adapter/adapter_model.safetensors"));
}

TEST(Adapter, MergedEqualsAttached) {
  TestFolder folder;
  auto model = adapted(some_spec());
  save_adapter(folder / "adapter", model, some_spec());
  auto merged = tiny_model();
  load_adapter(folder / "adapter", merged, /*merge=*/true);
  EXPECT_TRUE(torch::allclose(output(model), output(merged), 1e-4, 1e-5));
  EXPECT_EQ(merged->named_parameters().size(), tiny_model()->named_parameters().size());
}

TEST(Adapter, TrainedModulesAreStoredInFull) {
  TestFolder folder;
  auto model = adapted(some_spec());
  {
    torch::NoGradGuard no_grad;
    model->lm_head()->weight.fill_(0.25);
    model->projector()->linear_2->bias.fill_(0.5);
  }
  save_adapter(folder / "adapter", model, some_spec());
  auto other = tiny_model();
  load_adapter(folder / "adapter", other);
  EXPECT_TRUE(torch::equal(other->lm_head()->weight, model->lm_head()->weight));
  EXPECT_TRUE(torch::equal(other->projector()->linear_2->bias, model->projector()->linear_2->bias));
}

TEST(Adapter, OlderModuleNamesAndAlphaPatternsAreUnderstood) {
  TestFolder folder;
  auto spec = some_spec();
  spec.modules_to_save.clear();
  auto model = adapted(spec);
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& item : model->named_parameters()) {
    const auto at = item.key().find(".lora_");
    if (at == std::string::npos) continue;
    auto module = item.key().substr(std::string("model.language_model.").size());
    module = "base_model.model.language_model.model." + module.substr(0, module.find(".lora_"));
    auto value = item.value().detach();
    if (module.ends_with("q_proj") && item.key().ends_with("lora_B")) value = value / 2;  // undone by its own alpha
    tensors.emplace_back(module + item.key().substr(at) + ".weight", value);
  }
  write_safetensors(folder / "adapter_model.safetensors", tensors);
  write_file_atomically(folder / "adapter_config.json",
                        R"({"peft_type": "LORA", "r": 3, "lora_alpha": 6, "alpha_pattern": {"q_proj": 12}})");
  auto other = tiny_model();
  load_adapter(folder / "", other);
  EXPECT_TRUE(torch::allclose(output(model), output(other), 1e-5, 1e-6));
}

TEST(Adapter, WhatDoesNotFitIsRefused) {
  TestFolder folder;
  const auto load = [&] {
    auto model = tiny_model();
    load_adapter(folder / "", model);
  };
  const auto write = [&](const std::string& config, const std::string& name, std::vector<std::int64_t> shape) {
    write_file_atomically(folder / "adapter_config.json", config);
    write_safetensors(folder / "adapter_model.safetensors", {{name, torch::zeros(shape)}});
  };
  const std::string lora = R"({"peft_type": "LORA", "r": 3, "lora_alpha": 6})";
  const std::string q = "base_model.model.model.language_model.layers.0.self_attn.q_proj";
  EXPECT_THAT(message_of(load), testing::HasSubstr("adapter_config.json"));
  write(R"({"peft_type": "IA3"})", q + ".lora_A.weight", {3, 32});
  EXPECT_THAT(message_of(load), testing::HasSubstr("not a LoRA adapter"));
  write(R"({"peft_type": "LORA", "use_dora": true})", q + ".lora_A.weight", {3, 32});
  EXPECT_THAT(message_of(load), testing::HasSubstr("use_dora"));
  write(lora, q + ".lora_A.weight", {3, 32});
  EXPECT_THAT(message_of(load), testing::HasSubstr("lora_B"));
  write(lora, "base_model.model.model.language_model.layers.7.self_attn.q_proj.weight", {32, 32});
  EXPECT_THAT(message_of(load), testing::HasSubstr("not a parameter of the model"));
  write(lora, "base_model.model.lm_head.weight", {3, 3});
  EXPECT_THAT(message_of(load), testing::HasSubstr("wrong shape"));
}

}  // namespace
}  // namespace scalselect::vlm
