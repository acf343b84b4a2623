// Mixed precision: bfloat16 matrix products over float32 weights.
#pragma once

#include <ATen/autocast_mode.h>

#include "trainer/options.h"
#include "vlm/checkpoint.h"
#include "vlm/fused.h"
#include "vlm/libtorch.h"
#include "vlm/llama.h"

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

/// How to load a model that is to be trained with `options`: frozen weights that round_frozen_weights would round are
/// rounded as they are read, so that no memory is needed for them in float32.
inline vlm::LoadOptions load_for_training(const TrainOptions& options) {
  vlm::LoadOptions load;
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
    if (linear == nullptr || linear->weight.requires_grad() || linear->weight.scalar_type() != torch::kFloat32)
      continue;
    if (linear->has_lora() && vlm::can_fuse_lora_into(linear->weight)) continue;
    linear->weight.set_data(linear->weight.to(torch::kBFloat16));
  }
}

}  // namespace scalselect::trainer
