// The frozen tower's output for the images of a training set, computed once per image where memory allows.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vlm/open_model.h"

namespace scalselect::trainer {

struct TrainingSet;

class ImageFeatures {
 public:
  /// Given features [n, V, F] of a model with one size of images, float32 or bfloat16, row i for image i of the set.
  explicit ImageFeatures(const torch::Tensor& features);

  /// Computes them with `model`'s tower, in fixed chunks of the list (the same list gives the same bits, wherever
  /// training is interrupted). If they need more than `limit_mb` MiB nothing is computed now and `fetch` does it,
  /// batch by batch. Images that cannot be decoded take their samples out of `set` (listed there as skipped, with a
  /// warning); without a cache they are met in `fetch`, which throws UserError(kInput).
  ImageFeatures(vlm::Vlm model, std::shared_ptr<vlm::ImageReader> images, TrainingSet& set, std::int64_t limit_mb);

  /// Of images by index, in that order.
  vlm::TowerOutput fetch(std::span<const std::int64_t> indices);

  bool cached() const { return !cache_.empty(); }

 private:
  std::vector<std::string> fill(const vlm::ImageSize& size);
  std::vector<std::string> fill_one_by_one();

  std::vector<vlm::TowerOutput> cache_;  // one an image; features [1, V, F], or [P, F] where sizes differ
  vlm::Vlm model_{nullptr};
  std::shared_ptr<vlm::ImageReader> images_;
  std::vector<std::string> paths_;
};

}  // namespace scalselect::trainer
