// The model against transformers 4.57.3 (goldens by golden/make_llava.py), float32.
#include <gmock/gmock.h>
#include <torch/nn/functional/loss.h>

#include "core/error.h"
#include "tests/vlm/model_test_util.h"

namespace scalselect::vlm {
namespace {

class LlavaGolden : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, LlavaGolden, testing::Values("llava_base", "llava_variant"));

TEST_P(LlavaGolden, ProjectedFeatures) {
  torch::NoGradGuard no_grad;
  Golden golden(GetParam());
  const auto features = golden.model->project(golden.model->encode_images(golden("pixels")));
  EXPECT_LT(relative_error(features, golden("projected")), 1e-5);
}

TEST_P(LlavaGolden, HiddenStatesAttentionLogitsAndLoss) {
  torch::NoGradGuard no_grad;
  Golden golden(GetParam());
  for (int i = 0; i < 2; ++i) {
    const auto tag = std::to_string(i);
    std::vector<torch::Tensor> hidden;
    DecodeOptions options;
    options.hidden = &hidden;
    const auto last = golden.model->decode(golden.merged(i), options);
    ASSERT_EQ(hidden.size(), 4u);
    for (int layer = 0; layer < 3; ++layer) {
      EXPECT_LT(relative_error(hidden[layer], golden("hidden." + tag + "." + std::to_string(layer))), 1e-5);
    }
    EXPECT_LT(relative_error(last, golden("hidden." + tag + ".3")), 1e-5);
    const auto every = torch::arange(hidden[0].size(1));
    EXPECT_LT(relative_error(golden.model->attention_rows(1, hidden[0], every), golden("attention." + tag)), 1e-5);
    EXPECT_LT(relative_error(golden.model->attention_rows(2, hidden[1], every), golden("attention2." + tag)), 1e-5);
    const auto logits = golden.model->logits(last);
    EXPECT_LT(relative_error(logits, golden("logits." + tag)), 1e-5);
    const auto labels = golden("labels." + tag);
    const auto loss = torch::nn::functional::cross_entropy(logits[0].slice(0, 0, -1), labels[0].slice(0, 1));
    EXPECT_LT(relative_error(loss.reshape({1}), golden("loss." + tag)), 1e-5);
  }
}

TEST_P(LlavaGolden, Gradients) {
  Golden golden(GetParam());
  for (auto& parameter : golden.model->parameters()) parameter.set_requires_grad(true);
  const auto logits = golden.model->logits(golden.model->decode(golden.merged(0)));
  torch::nn::functional::cross_entropy(logits[0].slice(0, 0, -1), golden("labels.0")[0].slice(0, 1)).backward();
  auto& layers = golden.model->decoder();
  EXPECT_LT(relative_error(layers->layer(0)->self_attn->q_proj->weight.grad(), golden("grad.q_proj")), 1e-4);
  EXPECT_LT(relative_error(layers->layer(2)->mlp->down_proj->weight.grad(), golden("grad.down_proj")), 1e-4);
  EXPECT_LT(relative_error(golden.model->projector()->linear_1->weight.grad(), golden("grad.linear_1")), 1e-4);
  const auto tower = golden.model->tower()->named_parameters();
  EXPECT_LT(relative_error(tower["encoder.layers.0.self_attn.k_proj.weight"].grad(), golden("grad.k_proj_tower")),
            1e-4);
}

TEST_P(LlavaGolden, CachedDecodingEqualsOneForward) {
  torch::NoGradGuard no_grad;
  Golden golden(GetParam());
  const auto x = golden.merged(0);
  KvCache cache(3);
  DecodeOptions options;
  options.cache = &cache;
  std::vector<torch::Tensor> parts = {golden.model->decode(x.slice(1, 0, 9), options),
                                      golden.model->decode(x.slice(1, 9, 14), options)};
  for (std::int64_t i = 14; i < x.size(1); ++i) parts.push_back(golden.model->decode(x.narrow(1, i, 1), options));
  EXPECT_LT(relative_error(torch::cat(parts, 1), golden("hidden.0.3")), 1e-5);
}

TEST(LlavaModel, PartsAreLeftOut) {
  LoadOptions options;
  options.parts = {.tower = true, .tower_layers = -1, .decoder_layers = 1, .head = false};
  Golden golden("llava_base", options);
  EXPECT_EQ(golden.model->tower()->built_layers(), 2);
  EXPECT_EQ(golden.model->decoder()->built_layers(), 1);
  torch::NoGradGuard no_grad;
  DecodeOptions one;
  one.layers = 1;
  EXPECT_LT(relative_error(golden.model->decode(golden.merged(0), one), golden("hidden.0.1")), 1e-5);
}

TEST(LlavaModel, BfloatStaysClose) {
  torch::NoGradGuard no_grad;
  LoadOptions options;
  options.dtype = torch::kBFloat16;
  Golden golden("llava_base", options);
  const auto logits = golden.model->logits(golden.model->decode(golden.merged(0))).to(torch::kFloat32);
  const auto cosine = torch::cosine_similarity(logits.flatten(), golden("logits.0").flatten(), 0);
  EXPECT_GT(cosine.item<double>(), 0.999);
}

TEST(LlavaModel, WrongNumberOfImageTokensIsRefused) {
  Golden golden("llava_base");
  const auto ids = golden("ids.0");
  try {
    golden.model->merge(golden.model->embed(ids), ids, torch::zeros({1, 8, 32}));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("9 image tokens"), testing::HasSubstr("8 features")));
  }
}

}  // namespace
}  // namespace scalselect::vlm
