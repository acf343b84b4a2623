// Weights in four bits: bitsandbytes' codes and values (golden/make_nf4.py), linear layers over them, and reading.
#include "vlm/nf4.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

#include "tests/fake_device.h"
#include "tests/vlm/model_test_util.h"
#include "vlm/checkpoint.h"
#include "vlm/linear.h"
#include "vlm/safetensors.h"

namespace scalselect::vlm {
namespace {

const std::vector<std::string> kCases = {"float32", "bfloat16", "float16", "zeros", "short", "odd", "few"};

torch::Tensor golden(const std::string& name) {
  static const SafetensorsFile file(std::filesystem::path(SCALSELECT_TEST_DATA) / "nf4.safetensors");
  return file.tensor(name).clone();
}

TEST(Nf4, CodesAndStatisticsAreThoseOfBitsandbytes) {
  for (const auto& name : kCases) {
    const auto weight = golden(name + ".weight");
    const auto made = quantise_nf4(weight);
    EXPECT_TRUE(torch::equal(made.codes, golden(name + ".codes"))) << name;
    EXPECT_TRUE(torch::equal(made.scales, golden(name + ".scales"))) << name;
    EXPECT_TRUE(torch::equal(made.groups, golden(name + ".groups"))) << name;
    EXPECT_TRUE(torch::equal(made.mean, golden(name + ".mean"))) << name;
    EXPECT_EQ(made.rows, weight.size(0));
    EXPECT_EQ(made.columns, weight.size(1));
    Nf4Weight again;
    quantise_magnitudes(golden(name + ".absmax"), golden(name + ".mean").item<float>(), again);
    EXPECT_TRUE(torch::equal(again.scales, golden(name + ".scales"))) << name;
  }
}

TEST(Nf4, DequantisedValuesAreThoseOfBitsandbytes) {
  for (const auto& name : kCases) {
    const auto weight = quantise_nf4(golden(name + ".weight"));
    const auto expected = golden(name + ".values");
    for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
      EXPECT_TRUE(torch::equal(dequantise(weight, type), expected.to(type))) << name << " " << type;
      EXPECT_TRUE(torch::equal(dequantise_by_operations(weight, type), expected.to(type))) << name << " " << type;
    }
  }
}

TEST(Nf4, OnDeviceWeightsAndLayersAreTheCpus) {
  torch::manual_seed(2);
  const auto matrix = torch::randn({48, 96}), x = torch::randn({5, 96}), bias = torch::randn({48});
  const auto weight = quantise_nf4(matrix);
  const auto run = [&](torch::Device device) {
    auto input = x.to(device).requires_grad_();
    const auto y = nf4_linear(input, weight.to(device), bias.to(device));
    const auto slope = torch::autograd::grad({y}, {input}, {torch::ones_like(y)}).front();
    return std::pair(y.detach().cpu(), slope.cpu());
  };
  const auto [y, slope] = run(torch::kCPU);
  for (const auto device : devices_beside_the_cpu()) {
    EXPECT_TRUE(
        torch::equal(dequantise(weight.to(device), torch::kFloat32).cpu(), dequantise(weight, torch::kFloat32)));
    const auto [other_y, other_slope] = run(device);
    EXPECT_TRUE(torch::allclose(other_y, y, 1e-5, 1e-5)) << device;
    EXPECT_TRUE(torch::allclose(other_slope, slope, 1e-5, 1e-5)) << device;
  }
}

/// 16 values for 64 numbers of a normal distribution: QLoRA's error, and its place in memory.
TEST(Nf4, TakesFourBitsAndAnEighthAndStaysNear) {
  torch::manual_seed(3);
  const auto weight = torch::randn({512, 1024});
  const auto made = quantise_nf4(weight);
  EXPECT_EQ(made.bytes(), nf4_bytes(512 * 1024));
  EXPECT_NEAR(8.0 * static_cast<double>(made.bytes()) / (512 * 1024), 4.127, 1e-3);
  EXPECT_EQ(quantise_nf4(torch::randn({3, 43})).bytes(), nf4_bytes(3 * 43));
  const auto error = dequantise(made, torch::kFloat32) - weight;
  EXPECT_LT(error.square().mean().item<double>(), 0.01);
  EXPECT_GT(error.abs().max().item<double>(), 0.1) << "nothing was quantised";
}

TEST(Nf4, ThreadsChangeNothing) {
  torch::manual_seed(4);
  const auto weight = torch::randn({700, 1000});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = quantise_nf4(weight);
  const auto values = dequantise(one, torch::kBFloat16);
  at::set_num_threads(4);
  const auto four = quantise_nf4(weight);
  EXPECT_TRUE(torch::equal(dequantise(four, torch::kBFloat16), values));
  at::set_num_threads(before);
  EXPECT_TRUE(torch::equal(one.codes, four.codes) && torch::equal(one.scales, four.scales) &&
              torch::equal(one.groups, four.groups) && torch::equal(one.mean, four.mean));
}

/// A layer held in four bits, and a plain one over the dequantised weight.
struct Layers {
  explicit Layers(bool biased) : quantised(96, 40, biased), plain(96, 40, biased) {
    torch::manual_seed(7);
    const auto weight = quantise_nf4(torch::randn({40, 96}));
    quantised->weight.set_requires_grad(false);
    quantised->hold_in_nf4(weight);
    plain->weight.set_data(dequantise(weight, torch::kFloat32));
    plain->weight.set_requires_grad(false);
    if (biased) {
      plain->bias.data().normal_();
      plain->bias.set_requires_grad(false);
      quantised->bias.set_data(plain->bias.clone());
      quantised->bias.set_requires_grad(false);
    }
  }
  Linear quantised, plain;
};

/// Output, gradient of the input, and of the branch's matrices where there is one.
std::vector<torch::Tensor> passed(Linear& layer, const torch::Tensor& input, bool bfloat16) {
  auto x = input.clone().requires_grad_();
  torch::Tensor y;
  {
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, bfloat16);
    y = layer(x);
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
  torch::manual_seed(9);
  const auto g = torch::randn(y.sizes()).to(y.scalar_type());
  std::vector<torch::Tensor> asked = {x};
  if (layer->has_lora()) asked.insert(asked.end(), {layer->lora_A, layer->lora_B});
  auto found = torch::autograd::grad({y}, asked, {g});
  found.insert(found.begin(), y.detach());
  return found;
}

TEST(Nf4, ALinearLayerPassesWhatAPlainOneOverTheDequantisedWeightPasses) {
  for (const bool biased : {false, true}) {
    for (const bool branch : {false, true}) {
      for (const bool bfloat16 : {false, true}) {
        Layers layers(biased);
        if (branch) {  // with dropout of (almost) nothing, so that no kernel fuses it into the plain weight
          const auto A = torch::randn({4, 96}), B = torch::randn({40, 4});
          for (auto* layer : {&layers.quantised, &layers.plain})
            (*layer)->attach_lora(A.clone().requires_grad_(), B.clone().requires_grad_(), 0.5, 1e-9);
        }
        const auto x = torch::randn({2, 9, 96});
        const auto one = passed(layers.quantised, x, bfloat16), two = passed(layers.plain, x, bfloat16);
        ASSERT_EQ(one.size(), branch ? 4u : 2u);
        for (std::size_t i = 0; i < one.size(); ++i) {
          EXPECT_EQ(one[i].scalar_type(), two[i].scalar_type());
          EXPECT_TRUE(torch::equal(one[i], two[i])) << i << " bias " << biased << " branch " << branch << bfloat16;
        }
      }
    }
  }
}

TEST(Nf4, NothingOfTheWeightIsKeptForTheBackwardPass) {
  Layers layers(false);
  const auto y = layers.quantised(torch::randn({2, 96}).requires_grad_());
  EXPECT_FALSE(layers.quantised->named_parameters().contains("weight"));
  EXPECT_FALSE(layers.quantised->weight.defined());
  EXPECT_EQ(layers.quantised->in_features(), 96);
  EXPECT_EQ(layers.quantised->out_features(), 40);
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::equal(layers.quantised(torch::ones({1, 96})), layers.plain(torch::ones({1, 96}))));
}

TEST(Nf4, AMergedBranchMakesAPlainLayer) {
  Layers layers(true);
  layers.quantised->attach_lora(torch::randn({4, 96}), torch::randn({40, 4}), 0.5, 0.0);
  const auto x = torch::randn({3, 96});
  const auto before = layers.quantised(x);
  layers.quantised->merge_lora();
  EXPECT_FALSE(layers.quantised->nf4());
  EXPECT_TRUE(layers.quantised->named_parameters().contains("weight"));
  EXPECT_TRUE(torch::allclose(layers.quantised(x), before, 1e-5, 1e-5));
}

/// From the checkpoint's float16 values, not from these rounded to another type first.
TEST(Nf4, WeightsAreQuantisedAsTheyAreRead) {
  const auto folder = std::filesystem::temp_directory_path() / "scalselect-nf4-read";
  save_llava(folder, load_llava(golden_folder("llava_base")), torch::kHalf);
  const auto plain = load_llava(folder);
  LoadOptions options;
  options.block_nf4 = true;
  const auto read = load_llava(folder, options);
  std::filesystem::remove_all(folder);
  const auto expected = plain->named_parameters();
  const auto left = read->named_parameters();
  std::size_t quantised = 0;
  for (const auto& module : read->named_modules("", false)) {
    const auto linear = std::dynamic_pointer_cast<LinearImpl>(module.value());
    if (!linear || !linear->nf4()) continue;
    ++quantised;
    const auto own = quantise_nf4(expected[module.key() + ".weight"]);
    EXPECT_TRUE(torch::equal(linear->nf4()->codes, own.codes)) << module.key();
    EXPECT_TRUE(torch::equal(linear->nf4()->scales, own.scales)) << module.key();
  }
  EXPECT_EQ(quantised, 7 * static_cast<std::size_t>(read->text().num_hidden_layers));
  EXPECT_EQ(left.size(), expected.size() - quantised);
  for (const auto& item : left) {
    EXPECT_TRUE(torch::equal(item.value(), expected[item.key()])) << item.key();
    EXPECT_EQ(item.value().scalar_type(), torch::kFloat32);
  }
  EXPECT_ANY_THROW(save_llava(folder, read)) << "a folder without these weights";
}

}  // namespace
}  // namespace scalselect::vlm
