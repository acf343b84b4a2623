// The frozen tower's output for the images of a training set, computed once per image where memory allows.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vlm/image_processor.h"
#include "vlm/llava.h"

namespace scalselect::trainer {

struct TrainingSet;

class ImageFeatures {
 public:
  /// Given features [n, V, F], float32 or bfloat16, row i for image i of the training set.
  explicit ImageFeatures(torch::Tensor features);

  /// Computes them with `model`'s tower, in fixed chunks of the list (the same list gives the same bits, wherever
  /// training is interrupted). If they need more than `limit_mb` MiB nothing is computed now and `fetch` does it,
  /// batch by batch. Images that cannot be decoded take their samples out of `set` (listed there as skipped, with a
  /// warning); without a cache they are met in `fetch`, which throws UserError(kInput).
  ImageFeatures(vlm::LlavaModel model, vlm::ImageProcessor processor, TrainingSet& set, std::int64_t limit_mb);

  /// Features [indices, V, F] of images by index.
  torch::Tensor fetch(std::span<const std::int64_t> indices);

  bool cached() const { return cache_.defined(); }

 private:
  torch::Tensor encode(std::span<const std::int64_t> indices);

  torch::Tensor cache_;
  vlm::LlavaModel model_{nullptr};
  std::optional<vlm::ImageProcessor> processor_;
  std::vector<std::string> paths_;
};

}  // namespace scalselect::trainer
