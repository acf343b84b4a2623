// Qwen3-VL and Qwen2.5-VL against transformers 4.57.3 and peft (goldens by golden/make_qwen.py), float32.
#include <gmock/gmock.h>
#include <torch/nn/functional/loss.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "tests/message_of.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/adapter.h"
#include "vlm/generation.h"
#include "vlm/qwen_vl.h"

namespace scalselect::vlm {
namespace {

using Ids = std::vector<std::int64_t>;
constexpr int kPrompts = 3;  // one image, two images, none

/// A golden folder's model and what the reference computed from it.
struct QwenGolden {
  explicit QwenGolden(const std::string& name, const LoadOptions& options = {})
      : folder(golden_folder(name)), model(load_vlm(folder, options)), tensors(folder / "golden.safetensors") {}

  torch::Tensor operator()(const std::string& name) const { return tensors.tensor(name).clone(); }
  torch::Tensor operator()(const std::string& name, int prompt) const {
    return (*this)(name + "." + std::to_string(prompt));
  }
  QwenVlModelImpl& qwen() { return dynamic_cast<QwenVlModelImpl&>(*model); }
  std::vector<torch::Tensor> images(int prompt) const {
    if (prompt == 0) return {(*this)("image.0")};
    if (prompt == 1) return {(*this)("image.1"), (*this)("image.2")};
    return {};
  }
  VisualTokens visual(int prompt) {
    const auto pictures = images(prompt);
    return pictures.empty() ? VisualTokens{} : model->project(model->encode(pictures));
  }
  DecoderInput input(int prompt) { return model->assemble((*this)("ids", prompt), visual(prompt)); }
  torch::Tensor states(int prompt) {
    const auto in = input(prompt);
    return model->decode(in.embeddings, options(in));
  }
  static DecodeOptions options(const DecoderInput& in) {
    DecodeOptions out;
    out.positions = in.positions;
    out.deep = in.deep;
    return out;
  }
  torch::Tensor loss(int prompt) {
    return torch::nn::functional::cross_entropy(model->logits(states(prompt))[0].slice(0, 0, -1),
                                                (*this)("labels", prompt)[0].slice(0, 1));
  }
  /// Compares the gradients that the golden file names with `prefix`; how many there were.
  int compare_gradients(const std::string& prefix) const {
    const auto parameters = model->named_parameters();
    int compared = 0;
    for (const auto& name : tensors.names()) {
      if (!name.starts_with(prefix)) continue;
      EXPECT_LT(relative_error(parameters[name.substr(prefix.size())].grad(), (*this)(name)), 1e-4) << name;
      ++compared;
    }
    return compared;
  }
  Ids ids(int prompt) const {
    const auto flat = (*this)("ids", prompt).flatten();
    return {flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + flat.numel()};
  }

  std::filesystem::path folder;
  Vlm model;
  SafetensorsFile tensors;
};

class QwenVl : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, QwenVl, testing::Values("qwen3_base", "qwen3_tied", "qwen25_base", "qwen25_new"));

TEST_P(QwenVl, PatchesHaveTheReferencesOrder) {
  QwenGolden golden(GetParam());
  EXPECT_TRUE(torch::equal(patches_of(golden("image.0"), golden.qwen().config().vision), golden("patches.0")));
}

TEST_P(QwenVl, PositionsOfImagesTextAndPadding) {
  QwenGolden golden(GetParam());
  std::vector<VisualGrid> all;
  for (int prompt = 0; prompt < kPrompts; ++prompt) {
    std::vector<VisualGrid> grids;
    for (const auto& image : golden.images(prompt)) grids.push_back(golden.model->grid(image.size(1), image.size(2)));
    all.insert(all.end(), grids.begin(), grids.end());
    const auto positions = mrope_positions(golden("ids", prompt), grids, golden.model->image_token_id());
    EXPECT_TRUE(torch::equal(positions, golden("positions", prompt))) << prompt;
  }
  for (const std::string side : {"padded.left", "padded.right"}) {
    const auto positions =
        mrope_positions(golden(side + ".ids"), all, golden.model->image_token_id(), golden(side + ".keep"));
    EXPECT_TRUE(torch::equal(positions, golden(side + ".positions"))) << side;
  }
}

TEST_P(QwenVl, VisualTokensAndDeepStackFeatures) {
  torch::NoGradGuard no_grad;
  QwenGolden golden(GetParam());
  for (int prompt = 0; prompt < 2; ++prompt) {
    const auto visual = golden.visual(prompt);
    EXPECT_LT(relative_error(visual.rows, golden("projected", prompt)), 1e-5);
    for (std::size_t j = 0; j < visual.deep.size(); ++j) {
      const auto name = "deep." + std::to_string(prompt) + "." + std::to_string(j);
      EXPECT_LT(relative_error(visual.deep[j], golden(name)), 1e-5) << name;
    }
    EXPECT_EQ(visual.deep.size(), golden.qwen().config().vision.deepstack_visual_indexes.size());
  }
}

TEST_P(QwenVl, HiddenStatesAttentionLogitsAndLoss) {
  torch::NoGradGuard no_grad;
  QwenGolden golden(GetParam());
  const auto layers = golden.model->text().num_hidden_layers;
  for (int prompt = 0; prompt < kPrompts; ++prompt) {
    const auto input = golden.input(prompt);
    std::vector<torch::Tensor> hidden, raw;
    auto options = QwenGolden::options(input);
    options.hidden = &hidden;
    options.raw = &raw;
    const auto last = golden.model->decode(input.embeddings, options);
    ASSERT_EQ(static_cast<std::int64_t>(hidden.size()), layers + 1);
    const auto expected = [&](std::int64_t layer) {
      return golden("hidden." + std::to_string(prompt) + "." + std::to_string(layer));
    };
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      EXPECT_LT(relative_error(hidden[layer], expected(layer)), 2e-5) << prompt << " " << layer;
    }
    // The last entry is recorded before the final norm for Qwen3-VL, after it for Qwen2.5-VL.
    const bool third = golden.qwen().config().generation == QwenVlConfig::Generation::kQwen3;
    EXPECT_LT(relative_error(third ? hidden.back() : last, expected(layers)), 2e-5);
    EXPECT_LT(relative_error(raw[1], golden("raw", prompt)), 2e-5);
    const auto every = torch::arange(hidden[0].size(1));
    for (int layer = 1; layer <= 2; ++layer) {
      const auto name = layer == 1 ? "attention" : "attention2";
      const auto rows = golden.model->attention_rows(layer, hidden[layer - 1], every, input.positions);
      EXPECT_LT(relative_error(rows, golden(name, prompt)), 2e-5) << name << prompt;
    }
    EXPECT_LT(relative_error(golden.model->logits(last), golden("logits", prompt)), 2e-5);
    EXPECT_LT(relative_error(golden.loss(prompt).reshape({1}), golden("loss", prompt)), 2e-5);
  }
}

TEST_P(QwenVl, Gradients) {
  QwenGolden golden(GetParam());
  for (auto& parameter : golden.model->parameters()) parameter.set_requires_grad(true);
  golden.loss(1).backward();
  EXPECT_GE(golden.compare_gradients("grad."), 7);
}

TEST_P(QwenVl, AdapterOfPeft) {
  QwenGolden golden(GetParam());
  EXPECT_EQ(load_adapter(golden.folder / "adapter", golden.model).r, 2);
  auto parameters = golden.model->named_parameters();
  for (auto& item : parameters) item.value().set_requires_grad(item.key().find("lora_") != std::string::npos);
  EXPECT_LT(relative_error(golden.model->logits(golden.states(1)), golden("lora.logits")), 2e-5);
  const auto loss = golden.loss(1);
  EXPECT_LT(relative_error(loss.detach().reshape({1}), golden("lora.loss")), 2e-5);
  loss.backward();
  EXPECT_EQ(golden.compare_gradients("lora.grad."), 8);
  torch::NoGradGuard no_grad;
  merge_adapter(golden.model);
  EXPECT_LT(relative_error(golden.model->logits(golden.states(1)), golden("lora.logits")), 1e-4);
}

TEST_P(QwenVl, CachedDecodingEqualsOneForward) {
  torch::NoGradGuard no_grad;
  QwenGolden golden(GetParam());
  const auto input = golden.input(0);
  KvCache cache(golden.model->text().num_hidden_layers);
  auto options = QwenGolden::options(input);
  options.cache = &cache;
  const std::int64_t head = 14;  // beyond the image
  options.positions = input.positions.slice(-1, 0, head);
  std::vector<torch::Tensor> parts = {golden.model->decode(input.embeddings.slice(1, 0, head), options)};
  options.deep = {};
  for (std::int64_t i = head; i < input.embeddings.size(1); ++i) {
    options.positions = input.positions.narrow(-1, i, 1);
    parts.push_back(golden.model->decode(input.embeddings.narrow(1, i, 1), options));
  }
  EXPECT_LT(relative_error(golden.model->logits(torch::cat(parts, 1)), golden("logits.0")), 2e-5);
}

TEST_P(QwenVl, FirstLayerAlone) {
  torch::NoGradGuard no_grad;
  LoadOptions load;
  load.parts.decoder_layers = 1;
  load.parts.head = false;
  QwenGolden golden(GetParam(), load);
  const auto input = golden.input(1);
  EXPECT_LE(input.deep.features.size(), 1u);
  auto options = QwenGolden::options(input);
  options.layers = 1;
  EXPECT_LT(relative_error(golden.model->decode(input.embeddings, options), golden("hidden.1.1")), 2e-5);
}

TEST_P(QwenVl, GreedyEqualsTransformersAloneAndTogether) {
  torch::NoGradGuard no_grad;
  QwenGolden golden(GetParam());
  const auto facts = nlohmann::json::parse(read_file(golden.folder / "golden.json"));
  GreedyOptions options;
  options.max_new_tokens = 12;
  options.stop_ids = golden.model->text().eos_token_ids;
  std::vector<GreedyPrompt> prompts;
  for (int prompt = 0; prompt < kPrompts; ++prompt) prompts.push_back({golden.ids(prompt), golden.visual(prompt)});
  EXPECT_EQ(generate_greedy(golden.model, prompts, options), facts.at("greedy_padded").get<std::vector<Ids>>());
  options.repetition_penalty = golden.model->text().repetition_penalty;
  const auto expected = facts.at("greedy").get<std::vector<Ids>>();
  EXPECT_EQ(generate_greedy(golden.model, prompts, options), expected);
  for (int prompt = 0; prompt < kPrompts; ++prompt) {
    EXPECT_EQ(generate_greedy(golden.model, {prompts[prompt]}, options).front(), expected[prompt]);
  }
}

/// As far from float32 as the reference's own attention implementations are.
TEST_P(QwenVl, BfloatStaysClose) {
  torch::NoGradGuard no_grad;
  LoadOptions options;
  options.dtype = torch::kBFloat16;
  QwenGolden golden(GetParam(), options);
  const auto logits = golden.model->logits(golden.states(0)).to(torch::kFloat32);
  const double ours = torch::cosine_similarity(logits.flatten(), golden("logits.0").flatten(), 0).item<double>();
  const auto theirs = nlohmann::json::parse(read_file(golden.folder / "golden.json")).at("bfloat16");
  const double worst = std::min(theirs.at("eager").get<double>(), theirs.at("sdpa").get<double>());
  EXPECT_LT(1 - ours, 1.25 * (1 - worst));
}

TEST(QwenVlModel, DeepStackEntersBehindTheFirstLayer) {
  torch::NoGradGuard no_grad;
  QwenGolden golden("qwen3_base");
  const auto input = golden.input(0);
  auto options = QwenGolden::options(input);
  options.layers = 1;
  options.deep = {};
  EXPECT_GT(relative_error(golden.model->decode(input.embeddings, options), golden("hidden.0.1")), 1e-2);
  EXPECT_LT(relative_error(golden.model->decode(input.embeddings, options), golden("raw.0")), 2e-5);
}

TEST(MRope, AxesOfBothGenerations) {
  const auto qwen3 = mrope_axes({24, 20, 20}, true);
  for (std::int64_t k = 0; k < 64; ++k) {
    EXPECT_EQ(qwen3[k].item<std::int64_t>(), k < 60 ? k % 3 : 0) << k;
  }
  const auto qwen25 = mrope_axes({16, 24, 24}, false);
  for (std::int64_t k = 0; k < 64; ++k) EXPECT_EQ(qwen25[k].item<std::int64_t>(), k < 16 ? 0 : k < 40 ? 1 : 2) << k;
}

TEST(MRope, ImageTokensThatDoNotFitAreRefused) {
  const auto ids = torch::tensor({{1, 9, 9, 9, 2}}, torch::kInt64);
  EXPECT_NO_THROW(mrope_positions(ids, {{1, 3}}, 9));
  EXPECT_THROW(mrope_positions(ids, {{1, 2}}, 9), UserError);
  EXPECT_THROW(mrope_positions(ids, {{2, 2}}, 9), UserError);
}

TEST(QwenVlModel, ImagesMustBeCutIntoWholeBlocks) {
  QwenGolden golden("qwen25_new");
  try {
    golden.model->grid(16, 20);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("multiples of 8"), testing::HasSubstr("16 x 20")));
  }
}

std::string refusal(const std::string& key, const nlohmann::json& value) {
  auto tree = nlohmann::json::parse(read_file(golden_folder("qwen3_base") / "config.json"));
  tree[nlohmann::json::json_pointer(key)] = value;
  return message_of([&] { parse_qwen_vl_config(tree, "dir/config.json"); });
}

TEST(QwenVlConfig, PublishedSizes) {
  const auto config = parse_qwen_vl_config(nlohmann::json::parse(R"({
    "model_type": "qwen3_vl", "image_token_id": 151655, "tie_word_embeddings": true,
    "text_config": {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32,
      "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "rope_theta": 5000000,
      "rope_scaling": {"mrope_interleaved": true, "mrope_section": [24, 20, 20], "rope_type": "default"}},
    "vision_config": {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16, "patch_size": 16,
      "out_hidden_size": 2560, "num_position_embeddings": 2304, "deepstack_visual_indexes": [5, 11, 17]}})"),
                                           "config.json");
  EXPECT_TRUE(config.text.tie_word_embeddings);
  EXPECT_TRUE(config.text.qk_norm);
  EXPECT_FALSE(config.text.qkv_bias);
  EXPECT_EQ(config.text.head_dim, 128);
  EXPECT_EQ(config.vision.hidden_act, "gelu_pytorch_tanh");
  EXPECT_EQ(config.vision.merge_unit(), 4);
}

TEST(QwenVlConfig, Refusals) {
  using testing::HasSubstr;
  EXPECT_EQ(refusal("/model_type", "qwen3_vl"), "nothing was thrown");
  EXPECT_THAT(refusal("/vision_config/depth", nullptr), HasSubstr("'vision_config.depth' must be given"));
  EXPECT_THAT(refusal("/vision_config/num_position_embeddings", 35), HasSubstr("a square number"));
  EXPECT_THAT(refusal("/vision_config/deepstack_visual_indexes", {0, 4}), HasSubstr("below depth (4)"));
  EXPECT_THAT(refusal("/vision_config/out_hidden_size", 64), HasSubstr("hidden_size of the text model"));
  EXPECT_THAT(refusal("/text_config/rope_scaling/mrope_section", {4, 2}), HasSubstr("half of head_dim"));
  EXPECT_THAT(refusal("/text_config/rope_scaling", nullptr), HasSubstr("mrope_section"));
  EXPECT_THAT(refusal("/image_token_id", 400), HasSubstr("below vocab_size (288)"));
}

}  // namespace
}  // namespace scalselect::vlm
