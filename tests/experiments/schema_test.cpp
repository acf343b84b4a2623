// The configuration of the program itself: methods without files, what their options resolve to, and what `--help`
// says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "baselines/registry.h"
#include "core/error.h"
#include "experiments/config/compose.h"
#include "experiments/config/text.h"
#include "experiments/schema/keys.h"
#include "experiments/schema/nodes.h"

namespace scalselect::schema {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;
using testing::HasSubstr;

const fs::path kConf = fs::path(SCALSELECT_SOURCE_DIR) / "experiments/conf";

config::ComposeRequest request(const std::string& command, std::vector<std::string> overrides = {}) {
  config::ComposeRequest request;
  request.config_dirs = {kConf.string()};
  request.config_name = command;
  request.overrides = std::move(overrides);
  request.nodes = &registered_nodes();
  return request;
}

/// The chosen method's name and all of its options, as the pipeline binds them.
ordered_json method_of(const config::ComposedConfig& composed) {
  auto method = config::to_json(*config::resolve_path(composed.config, "method", composed.context));
  const std::string name = method["name"];
  method.erase("name");
  return {{"name", name}, {"options", find_method(name).resolve(method)}};
}

// golden/method_options.json was written while every method had a YAML file of its own: these are cache keys.
TEST(Schema, MethodsResolveToWhatTheirFilesSaid) {
  std::ifstream stream(SCALSELECT_TEST_DATA "/method_options.json");
  const auto golden = ordered_json::parse(stream);
  ASSERT_EQ(golden.size(), 76u);
  for (const auto& [key, expected] : golden.items()) {  // "NAME in COMMAND, selector=OPTION"
    const auto in = key.find(" in "), comma = key.find(", ");
    const auto command = key.substr(in + 4, comma - in - 4);
    const auto composed = compose(request(command, {"method=" + key.substr(0, in), key.substr(comma + 2)}));
    EXPECT_EQ(method_of(composed).dump(), expected.dump()) << key;
  }
}

TEST(Schema, EveryMethodIsAnOptionWithoutAFile) {
  const auto options = config::group_options(request("config"), "method");
  for (const auto& entry : methods()) EXPECT_THAT(options, testing::Contains(entry.name));
  EXPECT_FALSE(fs::exists(kConf / "method/k_center.yaml"));
  const auto jobs = config::multirun_jobs(request("config", {"method=glob(k_*)"}));
  EXPECT_EQ(jobs, std::vector<std::vector<std::string>>{{"method=k_center"}});
}

TEST(Schema, EveryDocumentedOptionOfAMethodIsAKey) {
  for (const auto& entry : methods()) {
    for (const auto& option : entry.options) {
      if (option.default_value.empty()) continue;  // a group of options
      EXPECT_NO_THROW(compose(request("config", {"method=" + entry.name, "method." + option.name + "=0"})))
          << entry.name << " " << option.name;
    }
  }
  const auto composed = compose(request("config", {"method=k_center", "method.normalize=false"}));
  EXPECT_EQ(method_of(composed)["options"]["normalize"], false);
}

TEST(Schema, NestedOptionsAreDocumentedByDottedNames) {
  const auto& options = find_method("k_center").options;
  const auto theta = std::find_if(options.begin(), options.end(),
                                  [](const OptionDoc& option) { return option.name == "features.theta"; });
  ASSERT_NE(theta, options.end());
  EXPECT_EQ(theta->default_value, "0.9");
  EXPECT_THAT(theta->help, HasSubstr("attention mass"));
}

TEST(Schema, FilesOfMethodsSayMoreThanTheRegistry) {
  for (const auto& file : fs::directory_iterator(kConf / "method")) {
    const auto name = file.path().stem().string();
    const auto node = registered_nodes().find("method/" + name);
    if (node == registered_nodes().end()) continue;
    const auto composed = compose(request("config", {"method=" + name}));
    EXPECT_NE(config::to_json(*config::find_path(composed.config, "method")), json::parse(node->second)) << name;
  }
}

TEST(Schema, UsersGroupsBuildOnRegisteredMethods) {
  const auto folder = fs::temp_directory_path() / ("scalselect_own_" + std::to_string(::getpid()));
  fs::create_directories(folder / "method");
  fs::create_directories(folder / "experiment");
  std::ofstream(folder / "method/directions.yaml") << "defaults: [k_center, _self_]\nnormalize: false\n";
  std::ofstream(folder / "experiment/ours.yaml")
      << "# @package _global_\ndefaults:\n  - override /method: directions\nname: ours\nmethod: {first: random}\n";
  // The program's own folder may lie anywhere, too: an installed copy has it elsewhere.
  const auto conf = folder / "share/conf";
  fs::create_directories(conf.parent_path());
  fs::copy(kConf, conf, fs::copy_options::recursive);
  for (const bool by_flag : {true, false}) {
    auto asked = request("config", {"experiment=ours", "method.features.theta=0.5"});
    asked.config_dirs = {conf.string()};
    if (by_flag) asked.config_dirs.push_back(folder.string());
    else asked.overrides.push_back("hydra.searchpath=[file://" + folder.string() + "]");
    const auto method = method_of(compose(asked));
    EXPECT_EQ(method["name"], "k_center");
    EXPECT_EQ(method["options"]["normalize"], false);
    EXPECT_EQ(method["options"]["first"], "random");
    EXPECT_EQ(method["options"]["features"]["theta"], 0.5);
    EXPECT_THAT(config::group_options(asked, "method"), testing::IsSupersetOf({"directions", "k_center"}));
  }
  fs::remove_all(folder);
}

TEST(Schema, AnUnknownOptionNamesTheNearestOne) {
  try {
    compose(request("config", {"method=k_center", "method.normalise=false"}));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("Did you mean 'normalize'?"));
  }
}

TEST(Schema, TheMethodsExperimentFollowsFromTheGroup) {
  auto asked = request("config", {"experiment=mini/methods", "seed=1"});
  asked.multirun = true;
  std::vector<std::string> methods;
  for (const auto& job : config::multirun_jobs(asked)) {
    for (const auto& word : job) {
      if (word.starts_with("method=")) methods.push_back(word.substr(7));
    }
  }
  auto options = config::group_options(asked, "method");
  options.erase(std::unique(options.begin(), options.end()), options.end());  // one is a sub-group as well
  std::erase(options, "coincide");                                            // for decoders of 24 layers
  std::erase(options, "ids");                                                 // needs a file
  EXPECT_EQ(methods, options);
}

TEST(Schema, EveryKeyOfEveryCommandHasAHelp) {
  for (const auto* command : {"config", "extract", "score", "select", "generate", "model_assemble", "handover_check",
                              "mini_world", "mini_pretrain"}) {
    auto asked = request(command);
    asked.multirun = true;
    const auto keys = describe_keys(command, compose(asked));
    EXPECT_GE(keys.size(), 2u);
    for (const auto& key : keys) EXPECT_NE(key.help, "") << command << ": " << key.name;
  }
  for (const auto& option : config::group_options(request("config"), "method")) {
    const auto composed = compose(request("config", {"method=" + option, "trainer=llava15_lora", "target=mini"}));
    for (const auto& key : describe_keys("config", composed)) EXPECT_NE(key.help, "") << option << ": " << key.name;
  }
}

TEST(Schema, HelpNamesTheCommandsOwnGroupsAndKeys) {
  auto asked = request("select");
  asked.multirun = true;
  const auto text = help_text("select", asked, compose(asked));
  EXPECT_THAT(text, HasSubstr("  ranking=null"));
  EXPECT_THAT(text, HasSubstr("also write row, id and score of every sample"));
  EXPECT_THAT(text, HasSubstr("  method=scalselect"));
  EXPECT_THAT(text, HasSubstr("k_center"));
  EXPECT_THAT(text, HasSubstr("(mass | top_k | fraction | all)"));
  for (const auto* group : {"trainer=", "eval=", "experiment="}) EXPECT_THAT(text, testing::Not(HasSubstr(group)));
}

}  // namespace
}  // namespace scalselect::schema
