// Qwen3-VL (dense) and Qwen2.5-VL: vision tower -> merger -> decoder with M-RoPE (transformers: models/qwen3_vl,
// models/qwen2_5_vl). Parameter names are those of transformers >= 4.52: model.visual..., model.language_model...,
// lm_head.weight (absent if tied).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vlm/config.h"
#include "vlm/libtorch.h"
#include "vlm/qwen_tower.h"
#include "vlm/vlm.h"

namespace scalselect::vlm {

/// The tower's features are the patches' states after its last block, merge^2 rows per visual token; the projector is
/// the last merger. With only the first n decoder layers built, only the DeepStack features that enter there are made.
class QwenVlModelImpl : public VlmImpl {
 public:
  explicit QwenVlModelImpl(const QwenVlConfig& config, const ModelParts& parts = {});

  /// Throws UserError(kInput) unless both sides are multiples of patch_size * spatial_merge_size.
  VisualGrid grid(std::int64_t height, std::int64_t width) const override;
  TowerOutput encode(const std::vector<torch::Tensor>& images) override;  ///< features [P, F]
  using VlmImpl::project;
  torch::Tensor project(const torch::Tensor& features) override;  ///< [P, F] -> [P / merge^2, d]
  std::int64_t feature_size() const override { return config_.vision.hidden_size; }
  std::int64_t values_per_token() const override;
  std::string chat_layout() const override;
  std::string projector_module() const override { return "visual.merger"; }
  std::string frozen_pattern() const override { return R"(.*visual\..*)"; }

  const QwenVlConfig& config() const { return config_; }

 private:
  QwenVlConfig config_;
  std::shared_ptr<QwenTower> tower_;
};
TORCH_MODULE(QwenVlModel);

}  // namespace scalselect::vlm
