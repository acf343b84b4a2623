// Activations: LibTorch's own bits by whatever way, and a clear word for an unknown name.
#include "vlm/activation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace scalselect::vlm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

torch::Tensor every_value(torch::ScalarType dtype) {
  return torch::arange(std::int64_t{1} << 16).to(torch::kInt16).view(dtype);
}

/// With gradients nothing is read from a table.
torch::Tensor with_gradients(Activation function, const torch::Tensor& x) {
  return function(x.detach().clone().requires_grad_()).detach();
}

void expect_same_bits(const torch::Tensor& a, const torch::Tensor& b) {
  const auto numbers = a.isnan().logical_not();
  EXPECT_TRUE(torch::equal(a.isnan(), b.isnan()));
  EXPECT_TRUE(torch::equal(a.view(torch::kInt16).masked_select(numbers), b.view(torch::kInt16).masked_select(numbers)));
}

TEST(Activation, EverySixteenBitValueHasThePlainFormulasBits) {
  for (const char* name : {"gelu", "gelu_pytorch_tanh", "gelu_new", "quick_gelu", "silu", "relu"}) {
    const auto function = activation(name);
    for (const auto dtype : {torch::kBFloat16, torch::kHalf}) {
      SCOPED_TRACE(std::string(name) + " " + torch::toString(dtype));
      const auto x = every_value(dtype);
      expect_same_bits(function(x), with_gradients(function, x));
    }
  }
}

TEST(Activation, ALargeTensorsShapeAndOddEndAreKept) {
  const auto function = activation("quick_gelu");
  torch::manual_seed(1);
  const auto x = (3 * torch::randn({3, 7, 4099})).to(torch::kBFloat16);
  const auto y = function(x);
  EXPECT_EQ(y.sizes(), x.sizes());
  expect_same_bits(y, with_gradients(function, x));
  const auto columns = x.transpose(1, 2);
  expect_same_bits(function(columns).contiguous(), y.transpose(1, 2).contiguous());
}

TEST(Activation, OfFloat32IsTheFormula) {
  const auto x = torch::linspace(-6, 6, 100000);
  EXPECT_TRUE(torch::allclose(activation("quick_gelu")(x), x * torch::sigmoid(1.702 * x)));
  EXPECT_TRUE(torch::equal(activation("silu")(x), torch::silu(x)));
}

TEST(Activation, UnknownNameListsTheKnownOnes) {
  try {
    activation("swish2");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(std::string(error.what()), AllOf(HasSubstr("'swish2'"), HasSubstr("quick_gelu")));
  }
}

}  // namespace
}  // namespace scalselect::vlm
