// Greedy generation against transformers, and its independence of the batch.
#include "vlm/generation.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/text_generator.h"

namespace scalselect::vlm {
namespace {

using Ids = std::vector<std::int64_t>;

Ids to_ids(const torch::Tensor& t) {
  const auto flat = t.flatten().contiguous();
  return {flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + flat.numel()};
}

std::vector<GreedyPrompt> prompts_of(Golden& golden) {
  torch::NoGradGuard no_grad;
  const auto visual = golden.model->project(golden.model->encode_images(golden("pixels")));
  std::vector<GreedyPrompt> prompts;
  for (int i = 0; i < 2; ++i) {
    prompts.push_back({to_ids(golden("ids." + std::to_string(i))), {visual.narrow(0, i, 1), {}, {}}});
  }
  return prompts;
}

class Greedy : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, Greedy, testing::Values("llava_base", "llava_variant"));

TEST_P(Greedy, EqualsTransformersAloneAndTogether) {
  Golden golden(GetParam());
  const auto expected =
      nlohmann::json::parse(read_file(golden.folder / "golden.json")).at("greedy").get<std::vector<Ids>>();
  const auto prompts = prompts_of(golden);
  GreedyOptions options;
  options.max_new_tokens = 12;
  options.stop_ids = {2};
  EXPECT_EQ(generate_greedy(golden.model, prompts, options), expected);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(generate_greedy(golden.model, {prompts[i]}, options).front(), expected[i]);
    options.least_rows = 1;
    EXPECT_EQ(generate_greedy(golden.model, {prompts[i]}, options).front(), expected[i]);
  }
}

TEST_P(Greedy, StopsBehindTheStopId) {
  Golden golden(GetParam());
  const auto prompts = prompts_of(golden);
  GreedyOptions options;
  options.max_new_tokens = 12;
  const auto all = generate_greedy(golden.model, prompts, options);
  options.stop_ids = {all[0][2]};
  const auto cut = generate_greedy(golden.model, prompts, options);
  const auto first = std::find(all[0].begin(), all[0].end(), all[0][2]) - all[0].begin();
  EXPECT_EQ(cut[0], Ids(all[0].begin(), all[0].begin() + first + 1));
  EXPECT_LE(cut[1].size(), 12u);
}

TEST(Generate, AnswersAboutImageFilesAsTransformersDoes) {
  const auto images = std::filesystem::path(SCALSELECT_SOURCE_DIR) / "tests" / "data" / "golden" / "images";
  const auto generator = open_generator(golden_folder("llava_base"), "", "float32");
  GenerationOptions options;
  options.max_new_tokens = 16;
  std::ifstream in(golden_folder("generate.jsonl"));
  std::vector<GenerationPrompt> prompts;
  std::vector<nlohmann::json> expected;
  for (std::string line; std::getline(in, line);) {
    expected.push_back(nlohmann::json::parse(line));
    prompts.push_back({expected.back()["prompt"].get<std::string>(), {}});
    for (const auto& name : expected.back()["images"]) {
      prompts.back().images.push_back((images / name.get<std::string>()).string());
    }
  }
  ASSERT_EQ(prompts.size(), 5u);
  const auto answers = generator->answer(prompts, options);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(nlohmann::json(answers[i].prompt_ids), expected[i]["prompt_ids"]) << i;
    EXPECT_EQ(nlohmann::json(answers[i].ids), expected[i]["ids"]) << i;
    EXPECT_EQ(nlohmann::json(answers[i].text), expected[i]["text"]) << i;
  }
}

TEST(Generate, LogitsThatAreNoNumbersAreAnErrorAndNoAnswer) {
  Golden golden("llava_base");
  GreedyOptions options;
  const auto prompts = prompts_of(golden);
  for (const float bad : {NAN, INFINITY}) {
    golden.model->lm_head()->weight.detach()[7].fill_(bad);
    try {
      generate_greedy(golden.model, prompts, options);
      FAIL();
    } catch (const UserError& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kDiverged);
      EXPECT_THAT(error.what(), testing::HasSubstr("logits are NaN or infinite"));
    }
  }
}

TEST(Generate, APromptBeyondTheModelsPositionsIsRefused) {
  const auto generator = open_generator(golden_folder("llava_base"), "", "float32", {}, /*lone_prompt=*/true);
  std::string longer;
  for (int i = 0; i < 300; ++i) longer += "what is it ";
  const std::vector<GenerationPrompt> prompts = {{longer, {}}};
  try {
    generator->answer(prompts, {});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.what(), testing::HasSubstr("more than the 256 positions"));
  }
}

}  // namespace
}  // namespace scalselect::vlm
