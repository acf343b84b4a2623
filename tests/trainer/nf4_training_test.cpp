// Training over weights in four bits: the same as over the dequantised weights, and PEFT's losses over bitsandbytes.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "tests/message_of.h"
#include "tests/trainer/golden_training.h"
#include "trainer/bfloat16.h"
#include "vlm/checkpoint.h"
#include "vlm/safetensors.h"

namespace scalselect::trainer {
namespace {

TrainOptions nf4_options() {
  auto options = small_options();
  options.quantization = Quantization::kNf4;
  return options;
}

TrainResult trained(vlm::LlavaModel& model, const TrainOptions& options, const std::filesystem::path& folder = {},
                    const std::function<void(const StepRecord&)>& on_step = {}) {
  const auto set = synthetic_set(16);
  auto features = synthetic_features(model);
  return train(model, set, features, options, {on_step, false}, folder);
}

/// The decoder's linear layers.
std::vector<vlm::LinearImpl*> linears(vlm::LlavaModel& model) {
  std::vector<vlm::LinearImpl*> found;
  for (const auto& module : model->decoder()->modules(/*include_self=*/false)) {
    if (auto* const linear = dynamic_cast<vlm::LinearImpl*>(module.get())) found.push_back(linear);
  }
  return found;
}

vlm::LlavaModel dequantised_model() {
  auto model = tiny_model();
  for (auto* linear : linears(model))
    linear->weight.set_data(vlm::dequantise(vlm::quantise_nf4(linear->weight), torch::kFloat32));
  return model;
}

void expect_equal_runs(const TrainResult& a, const TrainResult& b) {
  ASSERT_EQ(a.history.size(), b.history.size());
  for (std::size_t i = 0; i < a.history.size(); ++i) {
    EXPECT_EQ(a.history[i].loss, b.history[i].loss) << "step " << i;
    EXPECT_EQ(a.history[i].grad_norm, b.history[i].grad_norm) << "step " << i;
  }
}

void expect_equal_parameters(vlm::LlavaModel& some, vlm::LlavaModel& all) {
  const auto other = all->named_parameters();
  for (const auto& item : some->named_parameters())
    EXPECT_TRUE(torch::equal(item.value(), other[item.key()])) << item.key();
}

/// With dropout a branch is never fused into its weight, so that both take the same steps, to the last bit.
TEST(Nf4Training, IsThatOverTheDequantisedWeights) {
  for (const auto dtype : {ComputeType::kFloat32, ComputeType::kBFloat16}) {
    auto options = nf4_options();
    options.lora.dropout = 0.1;
    options.dtype = dtype;
    auto quantised = tiny_model(), plain = dequantised_model();
    const auto one = trained(quantised, options);
    options.quantization = Quantization::kNone;
    const auto two = trained(plain, options);
    expect_equal_runs(one, two);
    expect_equal_parameters(quantised, plain);
    EXPECT_LT(one.final_loss, one.history.front().loss);
  }
}

TEST(Nf4Training, NeitherRecomputedLayersNorShardsNorTheMomentOfQuantisingChangeABit) {
  for (const auto dtype : {ComputeType::kFloat32, ComputeType::kBFloat16}) {
    auto options = nf4_options();
    options.dtype = dtype;
    TestFolder folder;
    vlm::save_llava(folder / "model", tiny_model());
    auto plain = vlm::load_llava(folder / "model");
    auto read = vlm::load_llava(folder / "model", load_for_training(options));
    for (auto* linear : linears(read)) EXPECT_TRUE(linear->nf4());
    const auto expected = trained(plain, options);
    options.gradient_checkpointing = 1;
    expect_equal_runs(trained(read, options), expected);
    expect_equal_parameters(read, plain);
  }
  auto options = nf4_options();
  options.shards = 2;
  auto sharded = tiny_model();
  const auto result = trained(sharded, options);
  EXPECT_LT(result.final_loss, result.history.front().loss);
}

TEST(Nf4Training, ResumesBitForBitAndOnlyAsWhatItWas) {
  auto whole = tiny_model(), killed = tiny_model(), again = tiny_model();
  const auto expected = trained(whole, nf4_options());
  TestFolder folder;
  struct Kill {};
  const auto kill = [](const StepRecord& record) {
    if (record.step == 5) throw Kill{};
  };
  EXPECT_THROW(trained(killed, nf4_options(), folder / "state", kill), Kill);
  const auto resumed = trained(again, nf4_options(), folder / "state");
  EXPECT_EQ(resumed.resumed_from, 3);
  expect_equal_runs(resumed, expected);
  expect_equal_parameters(again, whole);
  auto other = tiny_model();
  auto none = nf4_options();
  none.quantization = Quantization::kNone;
  EXPECT_THAT(message_of([&] { trained(other, none, folder / "state"); }), testing::HasSubstr("quantization"));
}

TEST(Nf4Training, FrozenWeightsTakeFourBitsAndAnEighth) {
  auto model = tiny_model();
  std::int64_t numbers = 0, held = 0;
  for (auto* linear : linears(model)) numbers += linear->weight.numel();
  trained(model, nf4_options());
  std::int64_t expected = 0;
  for (auto* linear : linears(model)) {
    ASSERT_TRUE(linear->nf4());
    EXPECT_FALSE(linear->weight.defined());
    held += linear->nf4()->bytes();
    expected += vlm::nf4_bytes(linear->in_features() * linear->out_features());
  }
  EXPECT_EQ(held, expected);
  EXPECT_LT(8.0 * static_cast<double>(held) / static_cast<double>(numbers), 4.5);  // small matrices: a mean each
  EXPECT_TRUE(model->lm_head()->weight.defined());
}

/// The adapter is an ordinary one, for the weights as they were.
TEST(Nf4Training, TheAdapterIsLoadedOverPlainWeights) {
  auto quantised = tiny_model(), plain = tiny_model();
  const auto options = nf4_options();
  trained(quantised, options);
  TestFolder folder;
  vlm::save_adapter(folder / "adapter", quantised, adapter_spec(options, quantised));
  vlm::load_adapter(folder / "adapter", plain);
  expect_equal_parameters(quantised, plain);
  for (auto* linear : linears(plain)) EXPECT_TRUE(linear->has_lora() && !linear->nf4());
}

TEST(Nf4Training, FromAPeftAdapterGivesPeftsLossesOverBitsandbytes) {
  const auto tree = golden(), expected = golden("nf4_training.json");
  TrainOptions wanted;
  wanted.quantization = Quantization::kNf4;
  const auto [model, options, result] = golden_run(tree, wanted);
  ASSERT_EQ(result.steps, 8);
  for (std::size_t i = 0; i < 8; ++i) {
    const double loss = expected.at("losses")[i], norm = expected.at("grad_norms")[i], plain = tree.at("losses")[i];
    EXPECT_NEAR(result.history[i].loss, loss, 1e-4) << i;
    EXPECT_NEAR(result.history[i].grad_norm, norm, 1e-3 * norm) << i;
    EXPECT_GT(std::abs(loss - plain), 0.05) << "not told apart from a training over the weights as they are";
  }
  TestFolder folder;
  vlm::save_adapter(folder / "adapter", model, adapter_spec(options, model));
  const vlm::SafetensorsFile ours(folder / "adapter" / "adapter_model.safetensors");
  ASSERT_EQ(ours.names().size(), expected.at("final").size());
  for (const auto& [name, sum] : expected.at("final").items())
    EXPECT_NEAR(ours.tensor(name).abs().sum().item<double>(), sum.get<double>(), 1e-3 * sum.get<double>()) << name;
}

}  // namespace
}  // namespace scalselect::trainer
