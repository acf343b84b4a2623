// Greedy generation against transformers, and its independence of company.
#include "vlm/generation.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

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
    prompts.push_back({to_ids(golden("ids." + std::to_string(i))), visual.narrow(0, i, 1)});
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

}  // namespace
}  // namespace scalselect::vlm
