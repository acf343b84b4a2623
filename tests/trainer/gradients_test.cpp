// Per-sample gradients against transformers + peft + torch.autograd (golden/make_gradients.py).
#include "trainer/gradients.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "tests/trainer/training_test_util.h"
#include "vlm/checkpoint.h"
#include "vlm/safetensors.h"

namespace scalselect::trainer {
namespace {

using nlohmann::json;

const std::filesystem::path kGolden = SCALSELECT_TEST_DATA;
const std::filesystem::path kBase =
    std::filesystem::path(SCALSELECT_SOURCE_DIR) / "tests" / "vlm" / "golden" / "llava_base";

/// The adapter's model with the golden samples.
struct Fixture {
  Fixture() : model(vlm::load_llava(kBase)) {
    vlm::load_adapter(kGolden / "initial", model);
    const vlm::SafetensorsFile tensors(kGolden / "training.safetensors");
    torch::NoGradGuard no_grad;
    features = model->encode_images(tensors.tensor("pixels"));
    const auto facts = json::parse(read_file(kGolden / "training.json"));
    for (const auto& item : facts.at("samples")) {
      TrainingSample sample;
      sample.ids = item.at("ids").get<std::vector<std::int64_t>>();
      sample.supervised = item.at("supervised").get<std::vector<std::uint8_t>>();
      if (sample.ids[1] == 350) sample.images = {0};
      samples.push_back(sample);
    }
  }
  vlm::TowerOutput features_of(std::size_t i) const {
    if (samples[i].images.empty()) return {};
    return {features.narrow(0, static_cast<std::int64_t>(i), 1), {}, {{1, 9}}};
  }
  std::vector<float> gradient(const GradientComputer& computer, std::size_t i, double* loss = nullptr) const {
    std::vector<float> out(static_cast<std::size_t>(computer.size()));
    const double found = computer.compute(samples[i], features_of(i), out.data());
    if (loss != nullptr) *loss = found;
    return out;
  }

  vlm::LlavaModel model;
  torch::Tensor features;
  std::vector<TrainingSample> samples;
};

std::vector<std::string> lora_names(const json& facts) {
  std::vector<std::string> names;
  for (const auto& module : facts.at("lora_modules")) {
    for (const char* matrix : {".lora_A", ".lora_B"}) names.push_back(module.get<std::string>() + matrix);
  }
  return names;
}

double norm(const std::vector<float>& x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

/// Euclidean distance as a share of the expected vector's length.
double distance(const std::vector<float>& found, const torch::Tensor& expected) {
  const auto* e = expected.const_data_ptr<float>();
  double difference = 0, length = 0;
  for (std::size_t j = 0; j < found.size(); ++j) {
    difference += std::pow(static_cast<double>(found[j]) - e[j], 2);
    length += std::pow(static_cast<double>(e[j]), 2);
  }
  return std::sqrt(difference / length);
}

TEST(Gradients, AreAutogradsOfEverySampleAlone) {
  const Fixture fixture;
  const auto facts = json::parse(read_file(kGolden / "gradients.json"));
  const vlm::SafetensorsFile expected(kGolden / "gradients.safetensors");
  const GradientComputer lora(fixture.model, lora_names(facts));
  ASSERT_EQ(lora.size(), expected.tensor("gradient.0").numel());
  for (std::size_t i = 0; i < fixture.samples.size(); ++i) {
    double loss = 0;
    const auto gradient = fixture.gradient(lora, i, &loss);
    const auto& sample = facts.at("samples")[i];
    EXPECT_NEAR(loss, sample.at("loss").get<double>(), 1e-5);
    EXPECT_NEAR(norm(gradient), sample.at("norm").get<double>(), 1e-4 * sample.at("norm").get<double>());
    const auto name = "gradient." + std::to_string(i);
    if (!expected.has(name)) continue;
    EXPECT_LT(distance(gradient, expected.tensor(name)), 1e-4) << i;
  }
  EXPECT_TRUE(expected.has("gradient.0") && expected.has("gradient.3"));
}

TEST(Gradients, OfAStatedParameterAreAutogradsToo) {
  Fixture fixture;
  const auto facts = json::parse(read_file(kGolden / "gradients.json"));
  const GradientComputer head(fixture.model, {"lm_head.weight"});
  EXPECT_EQ(head.size(), fixture.model->lm_head()->weight.numel());
  for (std::size_t i = 0; i < fixture.samples.size(); ++i) {
    const double expected = facts.at("samples")[i].at("head_norm");
    EXPECT_NEAR(norm(fixture.gradient(head, i)), expected, 1e-4 * expected) << i;
  }
}

/// GraNd's closed form of the last layer: |sum_t (p_t - y_t) h_t^T| / T, by hand from logits and states.
TEST(Gradients, OfTheHeadHaveTheClosedForm) {
  Fixture fixture;
  torch::NoGradGuard no_grad;
  const auto& sample = fixture.samples[0];
  const auto ids = torch::tensor(sample.ids, torch::kInt64).unsqueeze(0);
  const auto x =
      fixture.model->merge(fixture.model->embed(ids), ids, fixture.model->project(fixture.features_of(0).features));
  const auto states = fixture.model->decode(x)[0];
  auto sum = torch::zeros_like(fixture.model->lm_head()->weight);
  std::int64_t targets = 0;
  for (std::int64_t t = 1; t < sample.length(); ++t) {
    if (sample.supervised[static_cast<std::size_t>(t)] == 0) continue;
    auto residual = torch::softmax(fixture.model->logits(states[t - 1]), -1);
    residual[sample.ids[static_cast<std::size_t>(t)]] -= 1;
    sum += torch::outer(residual, states[t - 1]);
    ++targets;
  }
  const GradientComputer head(fixture.model, {"lm_head.weight"});
  EXPECT_LT(distance(fixture.gradient(head, 0), (sum / targets).contiguous()), 1e-4);
}

TEST(Gradients, AdamStepIsThatOfLess) {
  const Fixture fixture;
  const auto facts = json::parse(read_file(kGolden / "gradients.json"));
  const vlm::SafetensorsFile expected(kGolden / "gradients.safetensors");
  const GradientComputer lora(fixture.model, lora_names(facts));
  AdamMoments moments;
  for (std::int64_t j = 0; j < lora.size(); ++j) {
    moments.first.push_back(static_cast<float>(1e-3 * std::sin(static_cast<double>(j))));
    moments.second.push_back(static_cast<float>(1e-6 * (1 + std::cos(static_cast<double>(j)))));
  }
  for (const std::size_t i : {0U, 3U}) {
    auto whole = fixture.gradient(lora, i);
    auto parts = whole;
    adam_step(moments, 0, lora.size(), whole.data());
    EXPECT_LT(distance(whole, expected.tensor("adam." + std::to_string(i))), 1e-3) << i;
    for (std::int64_t first = 0; first < lora.size(); first += 100) {
      adam_step(moments, first, std::min<std::int64_t>(100, lora.size() - first), parts.data() + first);
    }
    EXPECT_EQ(parts, whole);
  }
}

/// B = 0: the gradient of A is zero, that of B is not (what a method without a warm-up sees).
TEST(Gradients, FreshBranchesShowB) {
  auto model = tiny_model();
  torch::manual_seed(1);
  vlm::AdapterSpec spec;
  spec.target_modules = {"q_proj"};
  spec.r = 4;
  const auto modules = vlm::attach_adapter(model, spec);
  const auto set = synthetic_set(1);
  auto features = synthetic_features(model);
  const GradientComputer a(model, {modules[0] + ".lora_A"});
  std::vector<float> gradient(static_cast<std::size_t>(a.size()));
  a.compute(set.samples[0], features.fetch(set.samples[0].images), gradient.data());
  EXPECT_EQ(norm(gradient), 0);
  const GradientComputer b(model, {modules[0] + ".lora_B"});
  gradient.resize(static_cast<std::size_t>(b.size()));
  b.compute(set.samples[0], features.fetch(set.samples[0].images), gradient.data());
  EXPECT_GT(norm(gradient), 0);
}

/// The optimiser's moments, as `on_epoch` receives them and load_moments reads them.
TEST(Gradients, MomentsComeFromTheEndOfAnEpoch) {
  const TestFolder folder;
  auto model = tiny_model();
  const auto set = synthetic_set(10);
  auto features = synthetic_features(model);
  TrainOptions options;
  options.lora.r = 2;
  options.epochs = 2;
  options.batch_size = 4;
  options.train_projector = options.train_embeddings = options.train_head = false;
  std::vector<std::int64_t> epochs, steps;
  TrainCallbacks callbacks;
  callbacks.progress = false;
  callbacks.on_step = [&](const StepRecord& record) { steps.push_back(record.step); };
  callbacks.on_epoch = [&](std::int64_t epoch, const NamedTensors& optimizer) {
    epochs.push_back(epoch);
    EXPECT_EQ(steps.size(), static_cast<std::size_t>(3 * epoch - 1)) << "before on_step of the epoch's last step";
    vlm::write_safetensors(folder / "moments.safetensors", optimizer);
  };
  const auto result = train(model, set, features, options, callbacks);
  EXPECT_THAT(epochs, testing::ElementsAre(1, 2));
  const auto moments = load_moments(folder / "moments.safetensors", result.trained);
  EXPECT_EQ(static_cast<std::int64_t>(moments.first.size()), result.trained_parameters);
  EXPECT_GT(norm(moments.first), 0);
  EXPECT_TRUE(std::all_of(moments.second.begin(), moments.second.end(), [](float v) { return v >= 0; }));
  // The last two clipped gradients outweigh the rest: |m| <= largest gradient norm.
  double largest = 0;
  for (const auto& step : result.history) largest = std::max(largest, std::min(step.grad_norm, 1.0));
  EXPECT_LE(norm(moments.first), largest);
}

}  // namespace
}  // namespace scalselect::trainer
