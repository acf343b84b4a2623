#include "experiments/custom_template.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/files.h"
#include "eval/registry.h"
#include "experiments/config/compose.h"

namespace scalselect {
namespace {

// Composes the text as `-cd FOLDER eval=mine` does.
eval::BenchmarkOptions benchmark_of(const std::string& text) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "custom_template";
  write_file_atomically(folder / "eval" / "mine.yaml", text);
  config::ComposeRequest request;
  request.config_dirs = {std::string(SCALSELECT_SOURCE_DIR) + "/experiments/conf", folder.string()};
  request.config_name = "config";
  request.overrides = {"eval=mine"};
  const auto tree = config::compose(request).json();
  return bind_options<eval::BenchmarkOptions>(tree.at("eval").at("benchmarks").at(0), "eval.benchmarks.0");
}

TEST(CustomTemplate, IsAValidBenchmark) {
  const auto options = benchmark_of(custom_template());
  EXPECT_EQ(options.kind, "custom");
  EXPECT_EQ(options.custom.prompt, "{question}\nAnswer the question using a single word or phrase.");
  EXPECT_EQ(eval::make_benchmark(options)->display(), "Signs");
}

// What it says of defaults is what happens without the key, and every key that it shows exists.
TEST(CustomTemplate, EveryCommentedKeyExists) {
  std::string text = custom_template();
  for (const char* key : {"style", "limit", "hint", "options", "separator", "choice", "category", "list"}) {
    const std::string commented = std::string("# ") + key + ": ";
    const auto at = text.find(commented);
    ASSERT_NE(at, std::string::npos) << key;
    text.erase(at, 2);
  }
  const auto options = benchmark_of(text);
  EXPECT_EQ(options.custom.options, std::vector<std::string>{"choices"});
  EXPECT_EQ(options.custom.separator, "|");
  EXPECT_EQ(options.style, eval::PromptStyle::kLlava);
  EXPECT_EQ(options.custom.choice, eval::ChoiceAnswer::kLetter);
}

}  // namespace
}  // namespace scalselect
