// Prompt texts against what the public harnesses' own functions ask (golden/make_prompts.py).
#include "eval/prompts.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "eval/json_files.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

const std::map<std::string, PromptStyle> kStyles = {{"llava", PromptStyle::kLlava},
                                                    {"vlmevalkit", PromptStyle::kVlmEvalKit},
                                                    {"vlmevalkit-default", PromptStyle::kVlmEvalKitDefault},
                                                    {"vlmevalkit-qwen2", PromptStyle::kVlmEvalKitQwen2},
                                                    {"vlmevalkit-qwen3", PromptStyle::kVlmEvalKitQwen3},
                                                    {"lmms-eval", PromptStyle::kLmmsEval},
                                                    {"lmms-eval-qwen", PromptStyle::kLmmsEvalQwen}};

std::string prompt_of(PromptStyle style, const std::string& kind, const nlohmann::json& row) {
  const std::string question = row.at("question"), hint = row.at("hint"), language = row.at("language");
  std::vector<Option> options;
  for (const auto& option : row.at("options")) {
    const std::string text = option.at(1);
    options.push_back({option.at(0), text});
  }
  if (kind == "mmbench") return mmbench_prompt(style, question, hint, options, language);
  if (kind == "ai2d") return ai2d_prompt(style, question, hint, options, language);
  if (kind == "scienceqa") return scienceqa_prompt(style, question, hint, options, language);
  if (kind == "pope") return pope_prompt(style, question);
  if (kind == "mme") return mme_prompt(style, question);
  return ocrbench_prompt(style, question);
}

TEST(Prompts, AreThoseOfTheHarnesses) {
  std::size_t prompts = 0;
  for_each_json_line(testing::golden("prompts.jsonl"), [&](const nlohmann::json& row, const std::string& where) {
    ++prompts;
    const std::string kind = row.at("kind");
    EXPECT_EQ(prompt_of(kStyles.at(row.at("style")), kind, row), row.at("prompt").get<std::string>()) << where;
  });
  EXPECT_GT(prompts, 200u);
}

// A changed text makes scores incomparable with earlier ones: whoever changes one changes its line here, and says so.
TEST(Prompts, HashesOfEveryStyle) {
  std::map<std::string, std::string> texts;
  for_each_json_line(testing::golden("prompts.jsonl"), [&](const nlohmann::json& row, const std::string&) {
    for (const auto& [name, style] : kStyles) texts[name] += prompt_of(style, row.at("kind"), row) + "\n";
  });
  const std::map<std::string, std::string> expected = {
      {"llava", "cabced4edae4ee18"},
      {"vlmevalkit", "fec6af8ffc138213"},
      {"vlmevalkit-default", "6104b39e40190995"},
      {"vlmevalkit-qwen2", "e3dde63f65491c76"},
      {"vlmevalkit-qwen3", "bca4afde5254872b"},
      {"lmms-eval", "2d26a501b95be23e"},
      {"lmms-eval-qwen", "09d5636418d3e9cc"},
  };
  for (const auto& [name, text] : texts) EXPECT_EQ(sha256(text).substr(0, 16), expected.at(name)) << name;
}

}  // namespace
}  // namespace scalselect::eval
