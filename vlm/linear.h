// A linear layer that may carry a LoRA branch, in PEFT's semantics (peft/tuners/lora/layer.py).
#pragma once

#include <optional>
#include <string>

#include "vlm/libtorch.h"
#include "vlm/nf4.h"

namespace scalselect::vlm {

/// y = x W^T + b, and with a branch: y += scaling * (dropout(x) A^T) B^T.
/// Parameters: "weight" [out, in]; "bias" [out] if any; "lora_A" [r, in] and "lora_B" [out, r] while attached.
/// Weights are uninitialised until loaded or filled.
/// A frozen weight may be held in four bits (vlm/nf4.h) in the place of the parameter "weight", which is then undefined
/// and not among the parameters; W stands for its dequantised value, and the branch is added as PEFT adds it over
/// bitsandbytes' Linear4bit. Or it may be packed (vlm/packed_weight.h), for forward passes alone.
class LinearImpl : public torch::nn::Module {
 public:
  LinearImpl(std::int64_t in, std::int64_t out, bool with_bias);

  /// x [..., in] in the weight's dtype -> [..., out] in the same dtype. Dropout acts in training mode only, on the
  /// branch's input only. The branch is computed in its own dtype (float32 over a bfloat16 base, as PEFT does).
  torch::Tensor forward(const torch::Tensor& x);

  std::int64_t in_features() const { return in_; }
  std::int64_t out_features() const { return out_; }
  torch::Device device() const {
    return nf4_ ? nf4_->device() : packed_.defined() ? packed_.device() : weight.device();
  }

  /// Holds `quantised` in the place of "weight". It must have the layer's sizes.
  void hold_in_nf4(Nf4Weight quantised);
  /// Unset unless the weight is held in four bits.
  const std::optional<Nf4Weight>& nf4() const { return nf4_; }

  /// Holds a packed copy in the place of "weight", if that can be packed. No branch can be merged afterwards.
  void pack_weight();

  /// Adds a branch: A uniform in +-1/sqrt(in) from torch's CPU generator, B zero; float32, both require grad.
  void attach_lora(std::int64_t rank, double scaling, double dropout);
  /// Adds a branch with given matrices (A [r, in], B [out, r]); they are used as they are, not copied.
  void attach_lora(torch::Tensor A, torch::Tensor B, double scaling, double dropout);
  /// Removes the branch.
  void detach_lora();
  /// W += scaling * B A (product in float32), then removes the branch. A weight in four bits becomes a float32
  /// parameter: the sum is not quantised again.
  void merge_lora();
  bool has_lora() const { return lora_A.defined(); }

  torch::Tensor weight, bias, lora_A, lora_B;
  double lora_scaling = 1.0, lora_dropout = 0.0;

 private:
  void drop_weight();

  std::int64_t in_, out_;
  std::optional<Nf4Weight> nf4_;
  torch::Tensor packed_;
};
TORCH_MODULE(Linear);

/// Packs the weights of all linear layers below `model` that can be packed: for models whose forward passes are all
/// that is wanted.
void pack_weights(torch::nn::Module& model);

/// An embedding table: parameter "weight" [rows, width].
class EmbeddingImpl : public torch::nn::Module {
 public:
  EmbeddingImpl(std::int64_t rows, std::int64_t width);
  /// ids int64 [...] -> [..., width].
  torch::Tensor forward(const torch::Tensor& ids) { return torch::embedding(weight, ids); }
  torch::Tensor weight;
};
TORCH_MODULE(Embedding);

}  // namespace scalselect::vlm
