// A real language model: SmolLM2-135M-Instruct against transformers. Its folder comes from golden/make_smollm2.py.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/generation.h"
#include "vlm/tokenizer.h"

namespace scalselect::vlm {
namespace {

using Ids = std::vector<std::int64_t>;

TEST(SmolLm2, IdsLogitsAndAnswersAreTransformers) {
  const char* folder = std::getenv("SCALSELECT_SMOLLM2");
  if (folder == nullptr) GTEST_SKIP() << "made by golden/make_smollm2.py and named by SCALSELECT_SMOLLM2";
  torch::NoGradGuard no_grad;
  const std::filesystem::path path = folder;
  const auto golden = nlohmann::json::parse(read_file(path / "golden.json"));
  const SafetensorsFile expected(path / "golden.logits");
  const auto tokenizer = Tokenizer::load(path);
  LoadOptions load;
  load.parts.tower = false;
  auto model = load_vlm(path, load);
  GreedyOptions options;
  options.max_new_tokens = 64;
  options.stop_ids = {golden.at("stop")};
  for (std::size_t i = 0; i < golden.at("answers").size(); ++i) {
    const auto& answer = golden["answers"][i];
    const auto prompt = answer.at("ids").get<Ids>();
    EXPECT_EQ(tokenizer.encode(answer.at("prompt").get<std::string>(), false).ids, prompt) << i;
    const auto ids = torch::tensor(prompt).unsqueeze(0);
    const auto logits = model->logits(model->decode(model->embed(ids))).squeeze(0);
    const auto reference = expected.tensor("logits." + std::to_string(i));
    const auto error = (logits.narrow(1, 0, reference.size(1)) - reference).abs().max().item<double>();
    RecordProperty("logits_error_" + std::to_string(i), std::to_string(error));
    EXPECT_LT(error, 1e-3) << i;
    const auto greedy = generate_greedy(model, {{prompt, {}}}, options).front();
    EXPECT_EQ(greedy, answer.at("greedy").get<Ids>()) << i;
    EXPECT_EQ(tokenizer.decode(greedy, false), answer.at("text").get<std::string>()) << i;
  }
}

}  // namespace
}  // namespace scalselect::vlm
