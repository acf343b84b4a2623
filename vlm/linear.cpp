#include "vlm/linear.h"

#include <cmath>

#include "vlm/fused.h"
#include "vlm/packed_weight.h"

namespace scalselect::vlm {

LinearImpl::LinearImpl(std::int64_t in, std::int64_t out, bool with_bias) : in_(in), out_(out) {
  weight = register_parameter("weight", torch::empty({out, in}));
  if (with_bias) bias = register_parameter("bias", torch::empty({out}));
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x) {
  const bool drops = is_training() && lora_dropout > 0;
  if (weight.defined() && has_lora() && !drops && can_fuse_lora(x, weight, lora_A)) {
    return fused_lora_linear(x, weight, bias, lora_A, lora_B, lora_scaling);
  }
  auto y = nf4_                ? nf4_linear(x, *nf4_, bias)
           : packed_.defined() ? packed_linear(x, packed_, bias)
                               : torch::linear(x, weight, bias);
  if (!has_lora()) return y;
  auto input = x;
  if (drops) input = torch::dropout(input, lora_dropout, true);
  auto branch = torch::linear(torch::linear(input.to(lora_A.scalar_type()), lora_A), lora_B);
  return torch::add(y, branch.to(y.scalar_type()), lora_scaling);
}

void LinearImpl::hold_in_nf4(Nf4Weight quantised) {
  TORCH_CHECK(quantised.rows == out_features() && quantised.columns == in_features(),
              "the quantised weight does not fit the layer");
  TORCH_CHECK(nf4_ || !weight.requires_grad(), "a weight that is trained cannot be held in four bits");
  nf4_ = std::move(quantised);
  drop_weight();
}

void LinearImpl::pack_weight() {
  if (!weight.defined() || !can_pack(weight)) return;
  packed_ = pack(weight);
  drop_weight();
}

void LinearImpl::drop_weight() {
  if (parameters_.contains("weight")) parameters_.erase("weight");
  weight = torch::Tensor();
}

void LinearImpl::attach_lora(std::int64_t rank, double scaling, double dropout) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(in_features()));
  // Drawn on the CPU, so that a seed gives the same matrices on every device.
  const auto drawn = torch::empty({rank, in_features()}, torch::kFloat32).uniform_(-bound, bound);
  const auto options = torch::TensorOptions().device(device()).dtype(torch::kFloat32);
  attach_lora(drawn.to(device()).requires_grad_(), torch::zeros({out_features(), rank}, options).requires_grad_(),
              scaling, dropout);
}

void LinearImpl::attach_lora(torch::Tensor A, torch::Tensor B, double scaling, double dropout) {
  TORCH_CHECK(A.size(1) == in_features() && B.size(0) == out_features() && A.size(0) == B.size(1),
              "LoRA matrices do not fit the layer");
  detach_lora();
  const bool trainable = A.requires_grad();
  lora_A = register_parameter("lora_A", std::move(A), trainable);
  lora_B = register_parameter("lora_B", std::move(B), trainable);
  lora_scaling = scaling;
  lora_dropout = dropout;
}

void LinearImpl::detach_lora() {
  if (!has_lora()) return;
  parameters_.erase("lora_A");
  parameters_.erase("lora_B");
  lora_A = lora_B = torch::Tensor();
}

void LinearImpl::merge_lora() {
  if (!has_lora()) return;
  TORCH_CHECK(!packed_.defined(), "a branch cannot be merged into a packed weight");
  torch::NoGradGuard no_grad;
  const auto update = torch::mm(lora_B.to(torch::kFloat32), lora_A.to(torch::kFloat32)) * lora_scaling;
  if (nf4_) {
    weight = register_parameter("weight", dequantise(*nf4_, torch::kFloat32).add_(update), /*requires_grad=*/false);
    nf4_.reset();
  } else {
    weight.copy_(weight.to(torch::kFloat32) + update);
  }
  detach_lora();
}

void pack_weights(torch::nn::Module& model) {
  const torch::NoGradGuard no_grad;
  for (const auto& module : model.modules()) {
    if (auto* linear = module->as<LinearImpl>()) linear->pack_weight();
  }
}

EmbeddingImpl::EmbeddingImpl(std::int64_t rows, std::int64_t width) {
  weight = register_parameter("weight", torch::empty({rows, width}));
}

}  // namespace scalselect::vlm
