// Mixed precision: bfloat16 matrix products over float32 weights; and frozen weights in fewer bits than these.
#pragma once

#include <ATen/autocast_mode.h>

#include "trainer/options.h"
#include "vlm/checkpoint.h"
#include "vlm/fused.h"
#include "vlm/libtorch.h"
#include "vlm/llama.h"
#include "vlm/nf4.h"

namespace scalselect::trainer {

/// While alive, matrix products of float32 tensors on that device run in bfloat16, the rest stays float32 (torch's
/// autocast). Backward passes must run outside of it.
class BFloat16Products {
 public:
  BFloat16Products(bool enabled, torch::Device device) : enabled_(enabled), type_(device.type()) {
    if (!enabled_) return;
    at::autocast::set_autocast_dtype(type_, at::kBFloat16);
    at::autocast::set_autocast_enabled(type_, true);
    at::autocast::increment_nesting();
  }
  ~BFloat16Products() {
    if (!enabled_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(type_, false);
  }
  BFloat16Products(const BFloat16Products&) = delete;
  BFloat16Products& operator=(const BFloat16Products&) = delete;

 private:
  bool enabled_;
  at::DeviceType type_;
};

/// How to load a model that is to be trained with `options`: frozen weights that quantise_frozen_weights would quantise
/// or round_frozen_weights would round are so as they are read: no memory is needed for them in float32.
inline vlm::LoadOptions load_for_training(const TrainOptions& options) {
  vlm::LoadOptions load;
  load.block_nf4 = options.quantization == Quantization::kNf4;
  if (load.block_nf4) return load;
  if (options.dtype != ComputeType::kBFloat16) return load;
  load.block_dtype = [on_cpu = load.device.is_cpu()](at::IntArrayRef shape) {
    return on_cpu && c10::multiply_integers(shape) <= vlm::kLargestFused ? torch::kFloat32 : torch::kBFloat16;
  };
  return load;
}

/// Rounds the frozen float32 weights of the decoder's linear layers to bfloat16, which every product would do again
/// while BFloat16Products is alive: the same results in half the memory. Those that a LoRA branch is fused into stay.
/// Other products than BFloat16Products' are wrong or refused from then on.
inline void round_frozen_weights(vlm::LlamaModel& decoder) {
  for (const auto& module : decoder->modules(/*include_self=*/false)) {
    auto* const linear = dynamic_cast<vlm::LinearImpl*>(module.get());
    if (linear == nullptr || linear->nf4() || linear->weight.requires_grad() ||
        linear->weight.scalar_type() != torch::kFloat32)
      continue;
    if (linear->has_lora() && vlm::can_fuse_lora_into(linear->weight)) continue;
    linear->weight.set_data(linear->weight.to(torch::kBFloat16));
  }
}

/// Quantises the weights of the decoder's linear layers to NF4, all of which are frozen in every training; those that
/// are quantised stay as they are.
inline void quantise_frozen_weights(vlm::LlamaModel& decoder) {
  for (const auto& module : decoder->modules(/*include_self=*/false)) {
    auto* const linear = dynamic_cast<vlm::LinearImpl*>(module.get());
    if (linear == nullptr || linear->nf4()) continue;
    linear->hold_in_nf4(vlm::quantise_nf4(linear->weight).to(linear->device()));
  }
}

}  // namespace scalselect::trainer
