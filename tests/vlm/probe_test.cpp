// The probe's shortcuts against the plain path, and its independence of grouping and threads.
#include "vlm/probe.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "tests/vlm/model_test_util.h"
#include "tests/vlm/probe_test_util.h"
#include "vlm/compat_roles.h"
#include "vlm/text_generator.h"

namespace scalselect::vlm {
namespace {

namespace fs = std::filesystem;

class Probe : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, Probe,
                         testing::Values("llava_base", "llava_variant", "qwen3_base", "qwen3_tied", "qwen25_base"));

TEST_P(Probe, ShortcutsEqualThePlainPath) {
  const Pictures pictures;
  const auto samples = pool(pictures);
  const auto folder = golden_folder(GetParam());
  std::vector<SignalRequest> requests = {everything()};
  for (const auto& spec : everything().early) {
    requests.push_back(only_early(spec.hidden_layer, spec.attention_layer, spec.roles));
  }
  for (const auto& request : requests) {
    const auto quick = open_probe(folder, "float32", request, own_sizes());
    const auto plain = open_probe(folder, "float32", request, own_sizes(true));
    const auto a = observe(*quick, samples, request), b = observe(*plain, samples, request);
    ASSERT_EQ(a.size(), samples.size());
    for (std::size_t i = 0; i < a.size(); ++i) expect_close(a[i], b[i]);
  }
}

TEST_P(Probe, GroupingAndThreadsChangeNoBit) {
  const Pictures pictures;
  const auto samples = pool(pictures);
  const auto request = everything();
  const auto probe = open_probe(golden_folder(GetParam()), "float32", request, own_sizes());
  set_threads(1);
  const auto together = observe(*probe, samples, request);
  set_threads(3);
  EXPECT_EQ(observe(*probe, samples, request), together);
  for (std::size_t i = samples.size(); i-- > 0;) {
    const auto fresh = open_probe(golden_folder(GetParam()), "float32", request, own_sizes());
    EXPECT_EQ(observe(*fresh, std::span(&samples[i], 1), request).front(), together[i]) << i;
  }
  set_threads(1);
}

// golden/make_qwen.py: picture, prompt and token roles to first-layer signals, all of it by transformers.
TEST(Probe, FirstLayerSignalsOfAPictureEqualTransformers) {
  for (const char* name : {"qwen3_base", "qwen3_tied", "qwen25_base", "qwen25_new"}) {
    const auto folder = golden_folder(name);
    const auto facts = nlohmann::json::parse(read_file(folder / "golden.json")).at("probe");
    const SafetensorsFile golden(folder / "golden.safetensors");
    const auto picture = folder / "../../../data/golden/images/plain.jpg";
    const std::vector<Sample> samples = {
        sample(0, {picture.string()}, {"<image>\n" + facts.at("question").get<std::string>(), facts.at("answer")})};
    const auto request = only_early(1, 1, TokenRoles::kStrict);
    const auto seen = observe(*open_probe(folder, "float32", request, own_sizes()), samples, request).front();
    ASSERT_EQ(seen.reject, "") << name;
    const auto equal = [&](const std::vector<float>& ours, const std::string& key) {
      const auto theirs = golden.tensor(key);
      const auto mine = torch::tensor(ours).view(theirs.sizes());
      EXPECT_LT(relative_error(mine, theirs), 2e-5) << name << " " << key;
    };
    equal(seen.hidden[0], "probe.hidden");
    equal(seen.attention[0], "probe.attention");
  }
}

TEST(Probe, DeepStackCanBeLeftOut) {
  const Pictures pictures;
  const std::vector<Sample> samples = {sample(0, {pictures.path(0)}, {"<image>What?", "It."})};
  const auto folder = golden_folder("qwen3_base");
  SignalRequest request;
  request.early = {{1, 2, TokenRoles::kStrict}, {1, 2, TokenRoles::kStrict, false}, {3, 2, TokenRoles::kStrict, false}};
  const auto quick = observe(*open_probe(folder, "float32", request, own_sizes()), samples, request).front();
  const auto plain = observe(*open_probe(folder, "float32", request, own_sizes(true)), samples, request).front();
  expect_close(quick, plain);
  EXPECT_EQ(quick.attention[0], quick.attention[1]);  // the next layer reads the sum either way
  // The difference is the tower's first DeepStack feature.
  torch::NoGradGuard no_grad;
  auto opened = open_model(folder, {}, {});
  const auto deep = opened.model->encode(opened.images->pixels(samples[0].images)).deep.at(0);
  const auto with = torch::tensor(quick.hidden[0]), without = torch::tensor(quick.hidden[1]);
  EXPECT_LT(relative_error((with - without).view(deep.sizes()), deep), 1e-5);
}

/// The drawn image and the two turns of golden/make_probe_signals.py.
Signals golden_sample(const char* folder, const fs::path& picture) {
  Image image{24, 24, std::vector<std::uint8_t>(24 * 24 * 3)};
  for (int y = 0; y < 24; ++y) {
    for (int x = 0; x < 24; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.rgb[static_cast<std::size_t>((y * 24 + x) * 3 + c)] =
            static_cast<std::uint8_t>((7 * x * x + 13 * y + 29 * c * x) % 256);
      }
    }
  }
  write_png(picture, image);
  SignalRequest request;
  request.hidden_means = {{2, TokenSet::kVisual, TokenWeights::kUniform, LayerState::kAttention},
                          {3, TokenSet::kAfterImages, TokenWeights::kUniform, LayerState::kAttention}};
  request.answer_loss = request.lone_loss = request.token_counts = true;
  const auto item = sample(0, {picture.string()}, {"<image>What is this?", "A cat.", "Where?", "On the mat, I see"});
  return observe(*open_probe(golden_folder(folder), "float32", request, own_sizes()), std::span(&item, 1), request)
      .front();
}

void expect_golden(const AnswerLoss& ours, const nlohmann::json& turns) {
  double norms = 0;
  std::int64_t tokens = 0;
  ASSERT_EQ(ours.turn_sums.size(), turns.size());
  for (std::size_t i = 0; i < turns.size(); ++i) {
    EXPECT_NEAR(ours.turn_sums[i], turns[i][0].get<double>(), 1e-4 * turns[i][0].get<double>());
    EXPECT_EQ(ours.turn_tokens[i], turns[i][2].get<std::int64_t>());
    norms += turns[i][1].get<double>();
    tokens += turns[i][2].get<std::int64_t>();
  }
  EXPECT_NEAR(ours.error_norms, norms, 1e-4 * norms);
  EXPECT_EQ(ours.tokens, tokens);
}

TEST_P(Probe, LossesErrorNormsAndAttentionOutputsAreTransformers) {
  std::ifstream in(golden_folder("probe_signals.json"));
  const auto golden = nlohmann::json::parse(in).at(GetParam());
  const auto picture = fs::temp_directory_path() / ("scalselect_signals_" + std::to_string(::getpid()) + ".png");
  const auto seen = golden_sample(GetParam(), picture);
  fs::remove(picture);
  ASSERT_EQ(seen.reject, "");
  expect_golden(seen.loss, golden["given"]);
  expect_golden(seen.lone, golden["alone"]);
  EXPECT_EQ(seen.counts.turns, 2);
  EXPECT_EQ(seen.counts.characters, 23);
  const auto near = [](const std::vector<float>& ours, const std::vector<float>& theirs) {
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], 5e-5) << i;
  };
  near(seen.means[0], golden["visual.2"]);
  near(seen.means[1], golden["behind.3"]);
}

TEST(Probe, OnlyTheNeededLayersAreBuilt) {
  const auto depth = probe_depth(only_early(1, 1, TokenRoles::kStrict), 3);
  EXPECT_EQ(depth.prefix, 1);
  EXPECT_EQ(depth.suffix, 0);
  EXPECT_EQ(depth.built, 1);
  EXPECT_FALSE(depth.prefix_norm);
  const auto later = probe_depth(only_early(1, 3, TokenRoles::kStrict), 3);
  EXPECT_EQ(later.prefix, 2);
  EXPECT_EQ(later.suffix, 2);
  EXPECT_EQ(later.built, 3);
  SignalRequest mixed;
  mixed.hidden_means = {{2, TokenSet::kVisual, TokenWeights::kUniform, LayerState::kAttention}};
  EXPECT_EQ(probe_depth(mixed, 3).built, 2);
  EXPECT_EQ(probe_depth(mixed, 3).suffix, 0);
  mixed.hidden_means[0].layer = 0;
  EXPECT_THROW(probe_depth(mixed, 3), UserError) << "embeddings have no attention";
  SignalRequest lone;
  lone.lone_loss = true;
  EXPECT_EQ(probe_depth(lone, 3).built, 3);
  EXPECT_THROW(probe_depth(only_early(4, 1, TokenRoles::kStrict), 3), UserError);
  EXPECT_THROW(probe_depth(only_early(1, 0, TokenRoles::kStrict), 3), UserError);
}

TEST(Probe, UnusableSamplesAreRejectedWithTheirReason) {
  const Pictures pictures;
  const std::vector<Sample> samples = {sample(0, {}, {"No picture here.", "Right."}),
                                       sample(1, {pictures.path(0) + ".gone"}, {"<image>What?", "It."}),
                                       sample(2, {pictures.broken()}, {"<image>What?", "It."}),
                                       sample(3, {pictures.path(0)}, {"<image>What?", "It.", "And <image>?", "Hm."}),
                                       sample(4, {pictures.path(0)}, {"<image>What?", "It."})};
  const auto request = only_early(1, 1, TokenRoles::kStrict);
  const auto probe = open_probe(golden_folder("llava_base"), "float32", request);
  const auto seen = observe(*probe, samples, request);
  EXPECT_THAT(seen[0].reject, testing::HasSubstr("no image"));
  EXPECT_THAT(seen[1].reject, testing::HasSubstr("missing"));
  EXPECT_THAT(seen[2].reject, testing::HasSubstr("broken.png"));
  EXPECT_THAT(seen[3].reject, testing::HasSubstr("2 image placeholders for 1 image"));
  EXPECT_EQ(seen[4].reject, "");
}

/// llava_base as if it had been made for `positions`.
fs::path made_for(std::int64_t positions) {
  const auto folder = fs::temp_directory_path() / fmt::format("scalselect_positions_{}_{}", positions, ::getpid());
  fs::remove_all(folder);
  fs::copy(golden_folder("llava_base"), folder);
  auto config = nlohmann::json::parse(read_file(folder / "config.json"));
  config["text_config"]["max_position_embeddings"] = positions;
  write_file_atomically(folder / "config.json", config.dump());
  return folder;
}

// docs/extraction.md, section 2: such a row is cut, so it fits.
TEST(Probe, CompatCutsALongRowBeforeTheModelsPositionsAreCounted) {
  const Pictures pictures;
  std::string text = "<image>\n";
  for (int i = 0; i < 3000; ++i) text += "a b ";
  const std::vector<Sample> samples = {sample(0, {pictures.path(0)}, {text, "Yes"})};
  SignalRequest request;
  request.early = {{1, 1, TokenRoles::kCompat}};
  const auto exact = made_for(kCompatLength), wide = made_for(2 * kCompatLength);
  const auto seen = observe(*open_probe(exact, "float32", request), samples, request);
  EXPECT_EQ(seen[0].reject, "");
  EXPECT_EQ(seen, observe(*open_probe(wide, "float32", request), samples, request));
  request.hidden_means = {{}};  // of the whole sequence
  EXPECT_THAT(observe(*open_probe(exact, "float32", request), samples, request)[0].reject,
              testing::HasSubstr("more than the 4096 positions"));
  fs::remove_all(exact);
  fs::remove_all(wide);
}

/// A conversation about one image, and the tokens' roles in both readings.
struct Roles {
  Roles(const char* folder, const char* layout, std::int64_t image_tokens, std::vector<std::string> texts)
      : tokenizer(std::make_shared<Tokenizer>(Tokenizer::load(golden_folder(folder)))) {
    const ChatTemplate chat(chat_layout(layout), tokenizer);
    const auto item = sample(0, {"one"}, std::move(texts));
    rendered = chat.render(item.turns, std::span(&image_tokens, 1));
    compat = compat_positions(rendered, item.turns, chat);
    strict = strict_positions(rendered);
  }
  /// Position of `text`, tokenised alone, from `from` on; the number of tokens if it does not occur.
  std::int64_t find(const std::string& text, std::int64_t from = 0) const {
    const auto pattern = tokenizer->encode(text, false).ids;
    return std::search(rendered.ids.begin() + from, rendered.ids.end(), pattern.begin(), pattern.end()) -
           rendered.ids.begin();
  }
  static bool holds(const std::vector<std::int64_t>& positions, std::int64_t at) {
    return std::binary_search(positions.begin(), positions.end(), at);
  }
  std::shared_ptr<Tokenizer> tokenizer;
  RenderedChat rendered;
  TokenPositions compat, strict;
};

TEST(CompatRoles, FirstHitWinsAndMovesTheCursor) {
  const Roles roles("llava_base", "llava-1.5", 9, {"<image>Say abc", "abc", "and d?", "not there at all: abc"});
  EXPECT_EQ(roles.compat.visual, roles.strict.visual);
  EXPECT_EQ(roles.compat.visual.size(), 9u);
  // "abc" of the question counts as the answer; header, BOS and the real first answer are "user".
  const auto hit = roles.find("abc");
  EXPECT_FALSE(Roles::holds(roles.compat.user, hit));
  EXPECT_TRUE(Roles::holds(roles.strict.user, hit));
  EXPECT_TRUE(Roles::holds(roles.compat.user, 0));
  EXPECT_TRUE(Roles::holds(roles.compat.user, roles.find("abc", hit + 1)));
}

TEST(CompatRoles, NothingIsReadBehindTheAuthorsLength) {
  std::string text = "<image>";
  for (int i = 0; i < 3000; ++i) text += "a b ";
  const Roles roles("llava_base", "llava-1.5", 9, {text, "abc"});
  ASSERT_GT(roles.rendered.ids.size(), 4200u);
  EXPECT_EQ(roles.compat.visual.size(), 9u);
  EXPECT_EQ(roles.compat.user.back(), kCompatLength - 1);
  EXPECT_EQ(roles.compat.user.size(), static_cast<std::size_t>(kCompatLength) - 9);
}

TEST(CompatRoles, AnswersAreStrippedAsPythonDoes) {
  const Roles roles("llava_base", "llava-1.5", 9, {"<image>Say", "\u00a0\u2003 abc\u3000"});
  const auto hit = roles.find("abc");
  ASSERT_LT(hit, roles.rendered.size());
  EXPECT_FALSE(Roles::holds(roles.compat.user, hit));
}

TEST(CompatRoles, QwensFrameTokensCountAsVisual) {
  const Roles roles("qwen3_base", "qwen3-vl", 4, {"<image>Say abc", "no"});
  EXPECT_EQ(roles.strict.visual.size(), 4u);
  ASSERT_EQ(roles.compat.visual.size(), 6u);
  const auto& ids = roles.rendered.ids;
  EXPECT_EQ(ids[roles.compat.visual.front()], *roles.tokenizer->token_to_id("<|vision_start|>"));
  EXPECT_EQ(ids[roles.compat.visual.back()], *roles.tokenizer->token_to_id("<|vision_end|>"));
  EXPECT_TRUE(Roles::holds(roles.compat.user, 0));  // <|im_start|>
}

class Answers : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, Answers, testing::Values("llava_base", "qwen3_base", "qwen25_base"));

TEST_P(Answers, DoNotDependOnCompany) {
  const Pictures pictures;
  const auto generator = open_generator(golden_folder(GetParam()), {}, "float32", {});
  std::vector<GenerationPrompt> prompts;
  for (int i = 0; i < 12; ++i) {
    prompts.push_back({std::string("What is this") + std::string(i, '?'), {pictures.path(i % 3)}});
  }
  GenerationOptions options;
  options.max_new_tokens = 10;
  const auto together = generator->generate(prompts, options);
  ASSERT_EQ(together.size(), prompts.size());
  options.batch_size = 2;
  EXPECT_EQ(generator->generate(prompts, options), together);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(generator->generate(std::span(&prompts[i], 1), options).front(), together[i]);
  }
}

}  // namespace
}  // namespace scalselect::vlm
