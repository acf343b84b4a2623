// Greedy generation against transformers, and its independence of the batch.
#include "vlm/generation.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

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

/// Questions of several lengths about few pictures, as benchmarks ask them.
std::vector<GenerationPrompt> shared_pictures() {
  const auto images = std::filesystem::path(SCALSELECT_SOURCE_DIR) / "tests" / "data" / "golden" / "images";
  std::vector<GenerationPrompt> prompts;
  for (int i = 0; i < 21; ++i) {
    std::string text = "What is this?";
    for (int k = 0; k < i * i % 5; ++k) text += " And is that red or blue, " + std::to_string(k) + "?";
    prompts.push_back({text, {}});
    const char* names[] = {"rgb.png", "plain.jpg", "palette.png"};
    if (i % 7 != 6) prompts.back().images.push_back((images / names[i % 3]).string());
    if (i % 5 == 4) prompts.back().images.push_back((images / names[(i + 1) % 3]).string());
  }
  return prompts;
}

class SharedPictures : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, SharedPictures,
                         testing::Values("llava_base", "llava_variant", "qwen25_base", "qwen3_base"));

TEST_P(SharedPictures, AnswersDependNeitherOnCompanyNorOnWhatIsReadTogether) {
  const auto generator = open_generator(golden_folder(GetParam()), "", "float32");
  const auto lone = open_generator(golden_folder(GetParam()), "", "float32", {}, /*lone_prompt=*/true);
  const auto prompts = shared_pictures();
  GenerationOptions options;
  options.max_new_tokens = 12;
  const auto all = generator->answer(prompts, options);
  std::set<Ids> distinct;
  for (const int batch_size : {1, 4, 7}) {
    options.batch_size = batch_size;
    const auto again = generator->answer(prompts, options);
    for (std::size_t i = 0; i < prompts.size(); ++i) EXPECT_EQ(again[i].ids, all[i].ids) << batch_size << ", " << i;
  }
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    distinct.insert(all[i].ids);
    EXPECT_EQ(generator->answer(std::span(&prompts[i], 1), options)[0].ids, all[i].ids) << "alone, " << i;
    EXPECT_EQ(lone->answer(std::span(&prompts[i], 1), options)[0].ids, all[i].ids) << "read at once, " << i;
  }
  EXPECT_GT(distinct.size(), 3u) << "answers that are all the same would show nothing";
}

TEST(Generate, ABatchNarrowsAsAnswersEnd) {
  Golden golden("llava_base");
  const auto two = prompts_of(golden);
  std::vector<GreedyPrompt> many;
  for (int i = 0; i < 40; ++i) many.push_back(two[i % 8 == 0]);
  GreedyOptions options;
  options.max_new_tokens = 12;
  const auto free = generate_greedy(golden.model, two, options);
  const auto stop = std::find_if(free[0].begin(), free[0].end(), [&](std::int64_t id) {
    return std::find(free[1].begin(), free[1].end(), id) == free[1].end();
  });
  ASSERT_NE(stop, free[0].end()) << "an id that ends the first answer and not the second";
  options.stop_ids = {*stop};
  const Ids short_one(free[0].begin(), stop + 1);
  const auto answers = generate_greedy(golden.model, many, options);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(answers[i], i % 8 == 0 ? free[1] : short_one) << i;
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
