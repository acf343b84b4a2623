// What adapter_config.json says, against PEFT (golden/make_adapter_targets.py).
#include "vlm/adapter_config.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/vlm/model_test_util.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path written(nlohmann::ordered_json tree) {
  const auto folder = fs::path(testing::TempDir()) / "adapter_config";
  fs::create_directories(folder);
  tree["peft_type"] = "LORA";
  write_file_atomically(folder / "adapter_config.json", tree.dump());
  return folder;
}

TEST(AdapterConfig, TargetsTheModulesThatPeftTargets) {
  const auto cases = nlohmann::ordered_json::parse(read_file(golden_folder("adapter_targets.json")));
  ASSERT_GE(cases.size(), 15u);
  for (const auto& one : cases) {
    const AdapterConfig config(written(one.at("config")));
    for (const auto& [module, expected] : one.at("targets").items()) {
      EXPECT_EQ(config.targets(module, module), expected.get<bool>()) << one.at("config") << " " << module;
    }
  }
}

TEST(AdapterConfig, PatternsMayBeMeantForEitherName) {
  const std::string now = "model.language_model.layers.0.q_proj", then = "language_model.model.layers.0.q_proj";
  const AdapterConfig older(written({{"target_modules", R"(language_model\.model\..*)"}}));
  EXPECT_TRUE(older.targets(now, then));
  EXPECT_FALSE(older.targets(now, now));
  const AdapterConfig without(
      written({{"target_modules", {"q_proj"}}, {"exclude_modules", R"(language_model\.model.*)"}}));
  EXPECT_FALSE(without.targets(now, then));
  EXPECT_TRUE(AdapterConfig(written({{"target_modules", "all-linear"}})).targets(now, then));
  EXPECT_TRUE(AdapterConfig(written({{"target_modules", nullptr}})).targets(now, then));
}

TEST(AdapterConfig, RefusesOptionsThatChangeWhatTheWeightsMean) {
  const std::vector<std::pair<const char*, nlohmann::ordered_json>> options = {{"use_dora", true},
                                                                               {"use_qalora", true},
                                                                               {"lora_bias", true},
                                                                               {"alora_invocation_tokens", {1, 2}},
                                                                               {"kasa_config", {{"beta", 1}}},
                                                                               {"layer_replication", {{0, 2}, {1, 3}}},
                                                                               {"target_parameters", {"experts.gate"}},
                                                                               {"trainable_token_indices", {7}},
                                                                               {"init_lora_weights", "pissa_niter_4"},
                                                                               {"init_lora_weights", "olora"}};
  for (const auto& [key, value] : options) {
    const auto folder = written({{key, value}});
    try {
      const AdapterConfig config(folder);
      FAIL() << key;
    } catch (const UserError& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      const auto named = key == std::string("init_lora_weights") ? value.get<std::string>() : std::string(key);
      EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("adapter_config.json"), HasSubstr(named)));
    }
  }
  for (const auto& [key, value] :
       std::vector<std::pair<const char*, nlohmann::ordered_json>>{{"target_modules", "("},
                                                                   {"exclude_modules", "("},
                                                                   {"layers_pattern", {"("}},
                                                                   {"rank_pattern", 7},
                                                                   {"alpha_pattern", "abc"},
                                                                   {"layers_to_transform", 1.5},
                                                                   {"layers_to_transform", {"1"}}}) {
    nlohmann::ordered_json tree = {{"target_modules", {"q_proj"}}};
    tree[key] = value;
    const auto folder = written(tree);
    try {
      const AdapterConfig config(folder);
      FAIL() << key << " " << value;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("adapter_config.json"), HasSubstr(key)));
    }
  }
  for (const char* harmless : {"gaussian", "eva", "orthogonal"}) {
    EXPECT_NO_THROW(AdapterConfig(written({{"init_lora_weights", harmless}}))) << harmless;
  }
  EXPECT_NO_THROW(
      AdapterConfig(written({{"target_parameters", nlohmann::ordered_json::array()}, {"use_bdlora", nullptr}})));
}

TEST(AdapterConfig, NumbersThatCannotBeAreNamedAndThoseThatUndoTheAdapterAreTold) {
  const auto refusal = [](const char* entry) {
    const auto folder = written({{"target_modules", {"q_proj"}}});
    const auto file = folder / "adapter_config.json";
    auto text = read_file(file);
    write_file_atomically(file, text.insert(text.find('{') + 1, entry + std::string(",")));
    try {
      AdapterConfig{folder};
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("taken");
  };
  for (const char* entry : {R"("lora_alpha": NaN)", R"("lora_alpha": -Infinity)", R"("lora_alpha": 1e999)",
                            R"("lora_dropout": NaN)", R"("lora_dropout": 1.5)", R"("lora_dropout": -0.5)",
                            R"("r": NaN)", R"("r": 0)", R"("alpha_pattern": {"q_proj": NaN})"}) {
    const std::string key(entry + 1, std::string(entry).find('"', 1) - 1);
    EXPECT_THAT(refusal(entry), testing::AllOf(HasSubstr("adapter_config.json"), HasSubstr(key))) << entry;
  }
  EXPECT_EQ(refusal(R"("lora_dropout": null)"), "taken");
  for (const char* entry : {R"("lora_alpha": 0)", R"("lora_alpha": -4)", R"("alpha_pattern": {"q_proj": 0})"}) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(refusal(entry), "taken") << entry;
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                testing::AnyOf(HasSubstr("changes nothing"), HasSubstr("is subtracted")))
        << entry;
  }
}

}  // namespace
}  // namespace scalselect::vlm
