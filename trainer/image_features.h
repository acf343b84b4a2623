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

  /// Images that cannot be decoded take their samples out of `set` (listed there as skipped, with a warning), whether
  /// or not anything is cached: that is found out here, by decoding each once. What they look like to `model`'s tower
  /// is computed image by image, so that it depends neither on company nor on threads; if it needs no more than
  /// `limit_mb` MiB it is kept, else `fetch` computes it again. Throws UserError(kEnvironment) if a picture cannot be
  /// read for a reason that is not its own.
  ImageFeatures(vlm::Vlm model, std::shared_ptr<vlm::ImageReader> images, TrainingSet& set, std::int64_t limit_mb);

  /// Of images by index, in that order.
  vlm::TowerOutput fetch(std::span<const std::int64_t> indices);

  bool cached() const { return !cache_.empty(); }

 private:
  vlm::TowerOutput look_at(std::int64_t index) const;

  std::vector<vlm::TowerOutput> cache_;  // one an image; features [1, V, F], or [P, F] where sizes differ
  mutable vlm::Vlm model_{nullptr};
  std::shared_ptr<vlm::ImageReader> images_;
  std::vector<std::string> paths_;
};

}  // namespace scalselect::trainer
