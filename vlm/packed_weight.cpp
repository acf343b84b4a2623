#include "vlm/packed_weight.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <string_view>

namespace scalselect::vlm {
namespace {

// LibTorch registers these for its own compiler of models and declares them in no header.
template <class Signature>
auto operator_named(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

bool multiplies_bfloat16() {
  if (!c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_linear_weight", ""})) return false;
  return operator_named<bool()>("mkldnn::_is_mkldnn_bf16_supported").call();
}

/// Rows of the products that the layout is made for: a picture of some hundred tokens.
constexpr std::int64_t kRows = 577;

}  // namespace

bool can_pack(const torch::Tensor& weight) {
  static const bool supported = multiplies_bfloat16();
  return supported && weight.is_cpu() && weight.layout() == torch::kStrided && weight.dim() == 2 &&
         weight.scalar_type() == torch::kBFloat16 && !weight.requires_grad();
}

torch::Tensor pack(const torch::Tensor& weight) {
  TORCH_CHECK(can_pack(weight), "this weight cannot be packed");
  static const auto reorder =
      operator_named<at::Tensor(const at::Tensor&, std::optional<c10::SymInt>)>("mkldnn::_reorder_linear_weight");
  return reorder.call(weight, c10::SymInt(kRows));
}

torch::Tensor packed_linear(const torch::Tensor& x, const torch::Tensor& packed, const torch::Tensor& bias) {
  using Scalars = c10::List<std::optional<at::Scalar>>;
  static const auto product =
      operator_named<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                                std::string_view, Scalars, std::optional<std::string_view>)>(
          "mkldnn::_linear_pointwise");
  const auto given = bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
  return product.call(x, packed, given, "none", Scalars(), "");
}

}  // namespace scalselect::vlm
