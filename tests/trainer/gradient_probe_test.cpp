// Gradients of files on disk: independence of other samples and threads, rejects, warm-up files, errors.
#include "trainer/gradient_probe.h"

#include <gmock/gmock.h>

#include <cmath>

#include "core/error.h"
#include "core/parallel.h"
#include "core/sketch.h"
#include "data/image.h"
#include "tests/trainer/training_test_util.h"
#include "vlm/checkpoint.h"
#include "vlm/safetensors.h"

namespace scalselect::trainer {
namespace {

const std::filesystem::path kAdapter = std::filesystem::path(SCALSELECT_TEST_DATA) / "initial";
const std::filesystem::path kModels = std::filesystem::path(SCALSELECT_SOURCE_DIR) / "tests" / "vlm" / "golden";
const std::filesystem::path kBase = kModels / "llava_base";

Sample sample(std::int64_t row, std::vector<std::string> images, std::string question, std::string answer) {
  Sample out;
  out.row = row;
  out.images = std::move(images);
  out.turns = {{Role::kUser, std::move(question)}, {Role::kAssistant, std::move(answer)}};
  return out;
}

std::string picture(const TestFolder& folder, int number) {
  const auto path = (folder / (std::to_string(number) + ".png")).string();
  Rng rng(static_cast<std::uint64_t>(number), "test/pictures");
  Image image{24, 24, std::vector<std::uint8_t>(24 * 24 * 3)};
  for (auto& value : image.rgb) value = static_cast<std::uint8_t>(rng.below(256));
  write_png(path, image);
  return path;
}

std::vector<Sample> pool(const TestFolder& folder) {
  const auto a = picture(folder, 1), b = picture(folder, 2);
  return {sample(0, {a}, "<image>\nWhat is this?", "A cat."), sample(1, {b}, "Who is there?\n<image>", "No one."),
          sample(2, {}, "Say it.", "It is said."), sample(3, {a, b}, "<image>\n<image>\nCompare.", "They differ."),
          sample(4, {a}, "<image>\nWhich colour is the cat that was here a moment ago?", "Red")};
}

GradientSource fresh_branches() {
  GradientSource source;
  source.lora.r = 3;
  source.lora.target_modules = {"q_proj", "v_proj"};
  source.lora.exclude_pattern = R"(.*vision_tower\..*)";
  source.seed = 5;
  return source;
}

GradientRequest both_sketches() {
  GradientRequest request;
  request.norm = true;
  request.sketches = {{GradientStep::kPlain, {SketchKind::kSparse, 64, 1}},
                      {GradientStep::kPlain, {SketchKind::kRademacher, 40, 2}}};
  return request;
}

std::vector<SampleGradients> differentiate(GradientProbe& probe, std::span<const Sample> samples,
                                           const GradientRequest& request) {
  std::vector<SampleGradients> seen;
  probe.differentiate(samples, request, [&](const SampleGradients& gradients) { seen.push_back(gradients); });
  return seen;
}

void expect_same(const SampleGradients& a, const SampleGradients& b) {
  EXPECT_EQ(a.row, b.row);
  EXPECT_EQ(a.reject, b.reject);
  EXPECT_EQ(a.norm, b.norm);
  EXPECT_EQ(a.sketches, b.sketches);
}

class GradientProbes : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Folders, GradientProbes, testing::Values("llava_base", "qwen3_base", "qwen25_base"));

TEST_P(GradientProbes, CompanyAndThreadsChangeNoBit) {
  const TestFolder folder;
  const auto samples = pool(folder);
  const auto base = kModels / GetParam();
  GradientProbeOptions tight;
  tight.pixels = {};
  set_threads(1);
  const auto together =
      differentiate(*open_gradient_probe(base, "float32", fresh_branches(), tight), samples, both_sketches());
  ASSERT_EQ(together.size(), samples.size());
  EXPECT_THAT(together[2].reject, "") << "a missing image is not a reason to reject";
  EXPECT_GT(together[2].norm, 0);
  set_threads(3);
  tight.held_mb = tight.cache_mb = 0;  // groups of three, nothing shared
  const auto others = open_gradient_probe(base, "float32", fresh_branches(), tight);
  const auto again = differentiate(*others, samples, both_sketches());
  for (std::size_t i = samples.size(); i-- > 0;) {
    expect_same(again[i], together[i]);
    expect_same(differentiate(*others, std::span(&samples[i], 1), both_sketches()).front(), together[i]);
  }
  set_threads(1);
}

/// A sketch as long as the gradient approximates its length closely: the probe sketches what the computer computes.
TEST(GradientProbe, SketchesWhatTheTakerTakes) {
  const TestFolder folder;
  const auto samples = pool(folder);
  GradientSource source;
  source.adapter = kAdapter;
  source.moments = folder / "moments.safetensors";
  auto model = vlm::load_llava(kBase);
  vlm::load_adapter(kAdapter, model);
  std::vector<std::string> names;
  NamedTensors moments;
  for (const auto& item : model->named_parameters()) {
    if (item.key().find(".lora_") == std::string::npos) continue;
    names.push_back(item.key());
    moments.emplace_back("first." + item.key(), torch::full_like(item.value(), 1e-3));
    moments.emplace_back("second." + item.key(), torch::full_like(item.value(), 1e-5));
  }
  vlm::write_safetensors(source.moments, moments);
  const auto probe = open_gradient_probe(kBase, "float32", source);
  GradientRequest request;
  request.norm = true;
  request.sketches = {{GradientStep::kPlain, {SketchKind::kRademacher, 96, 3}},
                      {GradientStep::kAdam, {SketchKind::kSparse, 128, 3}}};
  const auto seen = differentiate(*probe, std::span(samples).subspan(2, 1), request).front();

  const auto tokenizer = std::make_shared<vlm::Tokenizer>(vlm::Tokenizer::load(kBase));
  const auto row = render_row(samples[2], vlm::ChatTemplate(vlm::chat_layout("llava-1.5"), tokenizer), {}, 2048);
  const GradientComputer computer(model, names);
  EXPECT_EQ(probe->size(), computer.size());
  std::vector<float> gradient(static_cast<std::size_t>(computer.size()));
  computer.compute(row.sample, {}, gradient.data());
  const auto sketched = [&](const GradientSpec& spec, const std::vector<float>& x) {
    return sketch(spec.sketch, 1, computer.size(),
                  [&](std::int64_t, std::int64_t first, std::int64_t count, float* out) {
                    std::copy_n(x.begin() + first, count, out);
                  })
        .front();
  };
  EXPECT_EQ(seen.sketches[0], sketched(request.sketches[0], gradient));
  double squares = 0;
  for (const float value : gradient) squares += static_cast<double>(value) * value;
  EXPECT_DOUBLE_EQ(seen.norm, std::sqrt(squares));
  adam_step(load_moments(source.moments, names), 0, computer.size(), gradient.data());
  EXPECT_EQ(seen.sketches[1], sketched(request.sketches[1], gradient));
}

TEST(GradientProbe, UnusableSamplesAreRejectedWithTheirReason) {
  const TestFolder folder;
  auto samples = pool(folder);
  samples[0].images = {(folder / "gone.png").string()};
  samples[1].turns.pop_back();
  samples[3].turns.push_back({Role::kUser, "And <image>?"});
  samples[3].turns.push_back({Role::kAssistant, "Hm."});
  const auto seen = differentiate(*open_gradient_probe(kBase, "float32", fresh_branches()), samples, both_sketches());
  EXPECT_THAT(seen[0].reject, testing::HasSubstr("gone.png"));
  EXPECT_EQ(seen[1].reject, "no answer to learn");
  EXPECT_EQ(seen[2].reject, "");
  EXPECT_THAT(seen[3].reject, testing::HasSubstr("3 image placeholders for 2 image"));
  EXPECT_EQ(seen[4].reject, "");
  EXPECT_EQ(seen[4].sketches.size(), 2U);
}

TEST(GradientProbe, AdapterOrParametersOfTheModel) {
  const TestFolder folder;
  const auto samples = pool(folder);
  GradientRequest norm;
  norm.norm = true;
  GradientSource head;
  head.full_pattern = R"(lm_head\.weight)";
  const auto plain = open_gradient_probe(kBase, "float32", head);
  EXPECT_EQ(plain->size(), 352 * 32);
  head.adapter = kAdapter;
  const auto merged = open_gradient_probe(kBase, "float32", head);
  EXPECT_NE(differentiate(*merged, samples, norm)[0].norm, differentiate(*plain, samples, norm)[0].norm);
}

TEST(GradientProbe, SaysWhatItLacks) {
  const TestFolder folder;
  const auto samples = pool(folder);
  GradientRequest adam;
  adam.sketches = {{GradientStep::kAdam, {}}};
  EXPECT_THROW(differentiate(*open_gradient_probe(kBase, "float32", fresh_branches()), samples, adam), UserError);
  GradientSource nothing;
  nothing.full_pattern = "no_such_parameter";
  EXPECT_THROW(open_gradient_probe(kBase, "float32", nothing), UserError);
  auto unmatched = fresh_branches();
  unmatched.lora.target_modules = {"no_such_module"};
  EXPECT_THROW(open_gradient_probe(kBase, "float32", unmatched), UserError);
}

}  // namespace
}  // namespace scalselect::trainer
