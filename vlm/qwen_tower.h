// The interface of a Qwen-VL model's tower.
#pragma once

#include <vector>

#include "vlm/libtorch.h"
#include "vlm/qwen_vision.h"

namespace scalselect::vlm {

/// Of several images, one after another; patches in block order.
struct QwenTowerOutput {
  torch::Tensor states;             ///< [P, d] after the last block, before the merger
  std::vector<torch::Tensor> deep;  ///< DeepStack features, [P / merge^2, out] each
};

class QwenTower : public torch::nn::Module {
 public:
  /// images: processed pixels, float [channels, height, width] each.
  virtual QwenTowerOutput forward(const std::vector<torch::Tensor>& images) = 0;
  /// The last merger: states [P, d] -> visual tokens [P / merge^2, out].
  virtual torch::Tensor merge(const torch::Tensor& states) = 0;
};

}  // namespace scalselect::vlm
