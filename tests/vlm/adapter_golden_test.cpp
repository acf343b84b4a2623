// Adapters in both directions against PEFT (golden/make_adapters.py).
#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "tests/message_of.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/adapter.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;

const fs::path kAdapters = golden_folder("adapters");

torch::Tensor logits(Golden& golden) {
  torch::NoGradGuard no_grad;
  return golden.model->logits(golden.model->decode(golden.merged(0)));
}

class PeftAdapter : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, PeftAdapter, testing::Values("list", "regex", "older", "tower"));

TEST_P(PeftAdapter, GivesPeftsLogitsAttachedAndMerged) {
  const SafetensorsFile expected(kAdapters / "golden.safetensors");
  const std::string name = GetParam() == std::string("older") ? "list" : GetParam();
  for (const bool merge : {false, true}) {
    Golden golden("llava_base");
    EXPECT_GT(relative_error(logits(golden), expected.tensor("logits." + name)), 1e-2);
    load_adapter(kAdapters / GetParam(), golden.model, merge);
    EXPECT_LT(relative_error(logits(golden), expected.tensor((merge ? "merged." : "logits.") + name)), 1e-5);
  }
}

/// Values that depend only on their position.
void fill(torch::Tensor tensor, std::int64_t salt) {
  const auto steps = torch::arange(tensor.numel(), torch::kInt64).mul(37).add(salt).remainder(101).sub(50);
  tensor.copy_(steps.to(torch::kFloat32).div(250).view(tensor.sizes()));
}

/// An rsLoRA adapter on three linears per layer, and a projector in full.
AdapterSpec adapt(LlavaModel& model) {
  AdapterSpec spec;
  spec.r = 5;
  spec.alpha = 4;
  spec.use_rslora = true;
  spec.target_modules = {"q_proj", "v_proj", "down_proj"};
  spec.modules_to_save = {"multi_modal_projector"};
  spec.base_model = "llava_base";
  attach_adapter(model, spec);
  torch::NoGradGuard no_grad;
  std::int64_t salt = 0;
  for (auto& item : model->named_parameters()) {
    if (item.key().find(".lora_") != std::string::npos || item.key().find("linear_2") != std::string::npos) {
      fill(item.value().detach(), ++salt);
    }
  }
  return spec;
}

TEST(PeftGolden, LoadsWhatWeWrite) {
  Golden golden("llava_base");
  const auto spec = adapt(golden.model);
  const char* keep = std::getenv("SCALSELECT_KEEP");  // for make_adapters.py
  const auto written = keep ? fs::path(keep) : fs::path(testing::TempDir()) / "adapter_ours";
  save_adapter(written, golden.model, spec);
  for (const char* file : {"adapter_config.json", "adapter_model.safetensors"}) {
    EXPECT_EQ(read_file(written / file), read_file(kAdapters / "ours" / file)) << file;
  }
  const SafetensorsFile expected(kAdapters / "golden.safetensors");
  EXPECT_LT(relative_error(logits(golden), expected.tensor("logits.ours")), 1e-5);
}

/// The adapter "ours" with its configuration changed, and with its modules under other names.
fs::path variant(const std::string& name, const std::function<void(nlohmann::ordered_json&)>& change, bool older) {
  const auto folder = fs::path(testing::TempDir()) / "adapter_variant" / name;
  const SafetensorsFile weights(kAdapters / "ours" / "adapter_model.safetensors");
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (auto stored : weights.names()) {
    const auto tensor = weights.tensor(stored);
    const std::string now = ".model.language_model.", then = ".language_model.model.";
    if (const auto at = stored.find(now); older && at != stored.npos) stored.replace(at, now.size(), then);
    tensors.emplace_back(stored, tensor);
  }
  write_safetensors(folder / "adapter_model.safetensors", tensors);
  auto tree = nlohmann::ordered_json::parse(read_file(kAdapters / "ours" / "adapter_config.json"));
  change(tree);
  write_file_atomically(folder / "adapter_config.json", tree.dump());
  return folder;
}

double scaling_of(const fs::path& folder, const char* module) {
  Golden golden("llava_base");
  load_adapter(folder, golden.model);
  return std::dynamic_pointer_cast<LinearImpl>(*golden.model->named_modules().find(module))->lora_scaling;
}

TEST(PeftGolden, PatternsNameModulesAsTheWeightsDo) {
  const char* first = "model.language_model.layers.0.self_attn.q_proj";
  const double plain = scaling_of(kAdapters / "ours", first);
  const auto with = [](const char* pattern, double alpha) {
    return [=](nlohmann::ordered_json& tree) { tree["alpha_pattern"][pattern] = alpha; };
  };
  EXPECT_DOUBLE_EQ(scaling_of(variant("new", with("model.language_model.layers.0.self_attn.q_proj", 8), false), first),
                   2 * plain);
  EXPECT_DOUBLE_EQ(scaling_of(variant("old", with("language_model.model.layers.0.self_attn.q_proj", 8), true), first),
                   2 * plain);
  const auto order = [](nlohmann::ordered_json& tree) {  // the first in the file wins, not the first by name
    tree["alpha_pattern"] = {{"q_proj", 8}, {"layers.0.self_attn.q_proj", 12}};
  };
  EXPECT_DOUBLE_EQ(scaling_of(variant("order", order, false), first), 2 * plain);
  testing::internal::CaptureStderr();
  EXPECT_DOUBLE_EQ(scaling_of(variant("typo", with("q_porj", 8), false), first), plain);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::AllOf(testing::HasSubstr("alpha_pattern"), testing::HasSubstr("'q_porj'")));
}

TEST(PeftGolden, WhatTheConfigurationNamesAndTheWeightsLackIsTold) {
  const auto told = [](const fs::path& folder) {
    Golden golden("llava_base");
    testing::internal::CaptureStderr();
    load_adapter(folder, golden.model);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(told(kAdapters / "ours"), "");
  EXPECT_THAT(
      told(variant(
          "extra", [](auto& tree) { tree["modules_to_save"].push_back("score"), tree["new_option"] = 1; }, false)),
      testing::AllOf(testing::HasSubstr("'score' of modules_to_save matches no module with weights"),
                     testing::HasSubstr("'new_option' is unknown")));
  EXPECT_THAT(told(variant(
                  "targets",
                  [](auto& tree) {
                    tree["target_modules"] = {"q_proj", "v_proj", "down_proj", "o_porj"};
                  },
                  false)),
              testing::HasSubstr("'o_porj' of target_modules matches no module with weights"));
}

TEST(PeftGolden, LlavasWeightsBesideAnAdapterAreNotPassedOver) {
  const auto folder = variant(
      "llava", [](auto&) {}, false);
  write_file_atomically(folder / "non_lora_trainables.bin", "PK");
  Golden golden("llava_base");
  EXPECT_THAT(message_of([&] { load_adapter(folder, golden.model); }), testing::HasSubstr("merge_lora_weights.py"));
}

TEST(PeftGolden, WeightsOfModulesThatAreNoTargetsAreLeftOutAndTold) {
  const auto has_lora = [](const fs::path& folder, const char* module) {
    Golden golden("llava_base");
    load_adapter(folder, golden.model);
    return std::dynamic_pointer_cast<LinearImpl>(*golden.model->named_modules().find(module))->has_lora();
  };
  const char *first = "model.language_model.layers.0.self_attn.q_proj",
             *second = "model.language_model.layers.1.self_attn.q_proj";
  const auto one_layer = variant(
      "one_layer", [](auto& tree) { tree["layers_to_transform"] = {1}; }, true);
  testing::internal::CaptureStderr();
  EXPECT_FALSE(has_lora(one_layer, first));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("are not among its targets, the first 'model.language_model.layers.0"));
  EXPECT_TRUE(has_lora(one_layer, second));
  try {
    has_lora(variant(
                 "none",
                 [](auto& tree) {
                   tree["exclude_modules"] = {"q_proj", "v_proj", "down_proj"};
                 },
                 false),
             first);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("targets none of the modules"));
  }
}

TEST(PeftGolden, NullIsAbsentAndWrongTypesAreNamed) {
  const auto nulls = [](nlohmann::ordered_json& tree) {
    for (const char* key : {"use_dora", "use_rslora", "alpha_pattern", "rank_pattern", "exclude_modules",
                            "base_model_name_or_path", "lora_dropout"}) {
      tree[key] = nullptr;
    }
    tree["use_rslora"] = true;
  };
  const char* first = "model.language_model.layers.0.self_attn.q_proj";
  EXPECT_DOUBLE_EQ(scaling_of(variant("nulls", nulls, false), first), scaling_of(kAdapters / "ours", first));
  for (const char* key : {"use_dora", "peft_type", "r", "alpha_pattern", "lora_alpha", "modules_to_save"}) {
    const auto folder = variant(
        "wrong",
        [&](nlohmann::ordered_json& tree) {
          tree[key] = {{"x", "y"}};
        },
        false);
    Golden golden("llava_base");
    try {
      load_adapter(folder, golden.model);
      FAIL() << key;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("adapter_config.json"), testing::HasSubstr(key)));
    }
  }
}

}  // namespace
}  // namespace scalselect::vlm
