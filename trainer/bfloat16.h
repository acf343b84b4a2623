// Mixed precision: bfloat16 matrix products over float32 weights.
#pragma once

#include <ATen/autocast_mode.h>

#include "vlm/libtorch.h"

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

}  // namespace scalselect::trainer
