// Packed weights must multiply as plain ones do.
#include "vlm/packed_weight.h"

#include <gtest/gtest.h>

#include "vlm/linear.h"

namespace scalselect::vlm {
namespace {

torch::Tensor halved(std::vector<std::int64_t> sizes) { return torch::randn(sizes).to(torch::kBFloat16); }

TEST(PackedWeight, ProductsAreThePlainOnes) {
  if (!can_pack(halved({8, 8}))) GTEST_SKIP() << "this processor does not multiply bfloat16";
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  for (const std::int64_t rows : {1, 7, 64, 577}) {
    for (const auto& [in, out] : std::vector<std::pair<std::int64_t, std::int64_t>>{{64, 64}, {96, 40}, {33, 17}}) {
      for (const bool biased : {false, true}) {
        SCOPED_TRACE(testing::Message() << rows << " x " << in << " x " << out);
        const auto weight = halved({out, in}), x = halved({2, rows, in});
        const auto bias = biased ? halved({out}) : torch::Tensor();
        const auto packed = packed_linear(x, pack(weight), bias);
        const auto exact = torch::linear(x.to(torch::kFloat64), weight.to(torch::kFloat64),
                                         biased ? bias.to(torch::kFloat64) : torch::Tensor());
        EXPECT_EQ(packed.sizes(), exact.sizes());
        EXPECT_EQ(packed.scalar_type(), torch::kBFloat16);
        EXPECT_TRUE(torch::allclose(packed.to(torch::kFloat64), exact, 1.0 / 128, 1.0 / 64));
      }
    }
  }
}

TEST(PackedWeight, OfSlicesAndTransposedViews) {
  if (!can_pack(halved({8, 8}))) GTEST_SKIP() << "this processor does not multiply bfloat16";
  torch::manual_seed(2);
  const torch::NoGradGuard no_grad;
  const auto weight = halved({48, 64}), wide = halved({1, 40, 128});
  const auto packed = pack(weight);
  for (const auto& x :
       {wide.narrow(2, 32, 64), wide.narrow(1, 3, 20).narrow(2, 0, 64), halved({1, 64, 30}).transpose(1, 2)}) {
    EXPECT_TRUE(torch::equal(packed_linear(x, packed, {}), packed_linear(x.contiguous(), packed, {})));
  }
}

TEST(PackedWeight, ALayerKeepsItsSizesAndABranch) {
  Linear layer(64, 48, true);
  torch::manual_seed(3);
  const torch::NoGradGuard no_grad;
  layer->to(torch::kBFloat16);
  for (auto& parameter : layer->parameters()) parameter.set_requires_grad(false).normal_();
  const auto x = halved({3, 20, 64});
  const auto plain = layer(x);
  pack_weights(*layer);
  EXPECT_EQ(layer->in_features(), 64);
  EXPECT_EQ(layer->out_features(), 48);
  EXPECT_TRUE(layer->device().is_cpu());
  EXPECT_TRUE(torch::allclose(layer(x).to(torch::kFloat32), plain.to(torch::kFloat32), 1.0 / 64, 0.1));
  layer->attach_lora(torch::randn({4, 64}), torch::randn({48, 4}), 0.5, 0.0);
  EXPECT_EQ(layer(x).sizes(), plain.sizes());
  if (!layer->weight.defined()) {
    EXPECT_THROW(layer->merge_lora(), c10::Error);
  }
}

TEST(PackedWeight, Float32AndTrainedWeightsStayAsTheyAre) {
  EXPECT_FALSE(can_pack(torch::randn({8, 8})));
  EXPECT_FALSE(can_pack(halved({8, 8}).requires_grad_()));
  Linear layer(8, 8, false);
  pack_weights(*layer);
  EXPECT_TRUE(layer->weight.defined());
}

}  // namespace
}  // namespace scalselect::vlm
