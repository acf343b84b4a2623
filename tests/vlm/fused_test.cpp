// The fused kernels must give what the plain tensor operations give, forwards and backwards.
#include "vlm/fused.h"

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

namespace scalselect::vlm {
namespace {

torch::Tensor plain_norm(const torch::Tensor& x, const torch::Tensor& weight) {
  return (x.to(torch::kFloat32) * torch::rsqrt(x.to(torch::kFloat32).square().mean(-1, true) + 1e-5))
             .to(x.scalar_type()) *
         weight;
}

torch::Tensor plain_rope(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin) {
  const auto halves = x.chunk(2, -1);
  return torch::cat({halves[0] * cos - halves[1] * sin, halves[1] * cos + halves[0] * sin}, -1);
}

TEST(Fused, NormAgreesInFloat32) {
  torch::manual_seed(1);
  for (const std::int64_t width : {5, 16, 37, 192}) {
    auto x = torch::randn({3, 7, width}).requires_grad_(), w = torch::randn({width}).requires_grad_();
    const auto g = torch::randn({3, 7, width});
    const auto one = fused_rms_norm(x, w, 1e-5), two = plain_norm(x, w);
    EXPECT_TRUE(torch::allclose(one, two, 1e-5, 1e-6));
    const auto first = torch::autograd::grad({one}, {x, w}, {g}), second = torch::autograd::grad({two}, {x, w}, {g});
    EXPECT_TRUE(torch::allclose(first[0], second[0], 1e-4, 1e-5));
    EXPECT_TRUE(torch::allclose(first[1], second[1], 1e-4, 1e-5));
  }
}

TEST(Fused, RopeAgreesInFloat32OnATransposedView) {
  torch::manual_seed(2);
  auto flat = torch::randn({2, 9, 3 * 8}).requires_grad_();
  const auto x = flat.view({2, 9, 3, 8}).transpose(1, 2);
  const auto angles = torch::randn({2, 1, 9, 4}), g = torch::randn({2, 3, 9, 8});
  const auto one = fused_rope(x, angles.cos(), angles.sin()), two = plain_rope(x, angles.cos(), angles.sin());
  EXPECT_TRUE(torch::allclose(one, two, 1e-5, 1e-6));
  EXPECT_TRUE(torch::allclose(torch::autograd::grad({one}, {flat}, {g})[0],
                              torch::autograd::grad({two}, {flat}, {g})[0], 1e-5, 1e-6));
  const auto shared = torch::randn({1, 1, 9, 4});
  EXPECT_TRUE(torch::allclose(fused_rope(x, shared.cos(), shared.sin()), plain_rope(x, shared.cos(), shared.sin()),
                              1e-5, 1e-6));
}

TEST(Fused, UnderAutocastTheNormGivesTheRoundedResult) {
  torch::manual_seed(3);
  auto x = torch::randn({4, 48}).requires_grad_(), w = torch::randn({48}).requires_grad_();
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto y = fused_rms_norm(x, w, 1e-5);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(torch::allclose(y.to(torch::kFloat32), plain_norm(x, w), 1e-2, 1e-3));
  const auto g = torch::randn({4, 48}).to(torch::kBFloat16);
  const auto first = torch::autograd::grad({y}, {x, w}, {g});
  const auto second = torch::autograd::grad({plain_norm(x, w)}, {x, w}, {g.to(torch::kFloat32)});
  EXPECT_TRUE(torch::allclose(first[0], second[0], 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(first[1], second[1], 1e-4, 1e-5));
}

TEST(Fused, RopeOfBFloat16RoundsOnce) {
  torch::manual_seed(4);
  const auto x = torch::randn({2, 3, 9, 8}).to(torch::kBFloat16);
  const auto angles = torch::randn({2, 1, 9, 4});
  const auto wide = plain_rope(x.to(torch::kFloat32), angles.cos(), angles.sin());
  EXPECT_TRUE(torch::allclose(fused_rope(x, angles.cos(), angles.sin()).to(torch::kFloat32), wide, 1e-2, 1e-3));
}

TEST(Fused, LoraLinearAgreesWithAutogradForEveryInput) {
  torch::manual_seed(5);
  auto x = torch::randn({2, 3, 7}).requires_grad_(), bias = torch::randn({5}).requires_grad_();
  auto A = torch::randn({4, 7}).requires_grad_(), B = torch::randn({5, 4}).requires_grad_();
  const auto weight = torch::randn({5, 7}), g = torch::randn({2, 3, 5});
  for (const auto& b : {bias, torch::Tensor()}) {
    const auto one = fused_lora_linear(x, weight, b, A, B, 0.5);
    const auto two = torch::linear(x, weight, b) + 0.5 * torch::linear(torch::linear(x, A), B);
    EXPECT_TRUE(torch::allclose(one, two, 1e-4, 1e-5));
    std::vector<torch::Tensor> inputs = {x, A, B};
    if (b.defined()) inputs.push_back(b);
    const auto first = torch::autograd::grad({one}, inputs, {g}), second = torch::autograd::grad({two}, inputs, {g});
    for (std::size_t i = 0; i < inputs.size(); ++i) EXPECT_TRUE(torch::allclose(first[i], second[i], 1e-4, 1e-5)) << i;
  }
}

}  // namespace
}  // namespace scalselect::vlm
