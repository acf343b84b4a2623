// The frozen tower's output for the images of a training set, computed once per image if memory allows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/sample.h"
#include "vlm/libtorch.h"
#include "vlm/open_model.h"

namespace scalselect::trainer {

class TrainingGroup;
struct TrainingSet;

/// Finds out how many visual tokens the images of `samples` have, each process of the group for its share, so that
/// `images` knows them all without decoding them; an image that cannot be read is left to whoever asks for it. Does
/// nothing for images of one size, nor without a group. Throws what TrainingGroup::add_up throws.
void share_image_tokens(std::span<const Sample> samples, vlm::ImageReader& images, TrainingGroup* group);

class ImageFeatures {
 public:
  /// Given features [n, V, F] of a model with one size of images, float32 or bfloat16, row i for image i of the set.
  explicit ImageFeatures(const torch::Tensor& features);

  /// Samples whose images cannot be decoded are removed from `set` (listed there as skipped, with a warning), whether
  /// or not anything is cached: each image is decoded once here to find out. Features of `model`'s tower are computed
  /// one image at a time, so that they depend neither on other images nor on threads; if they need no more than
  /// `limit_mb` MiB they are kept, else `fetch` computes them again. Throws UserError(kEnvironment) if a picture cannot
  /// be read for a reason outside the file.
  ///
  /// `group` (null: this process alone): processes that share the training and all construct this with the same
  /// arguments. Each decodes its share of the images, all leave out the same samples, and features are computed when
  /// they are fetched first: a process looks at what it trains on. Throws also what TrainingGroup::add_up throws.
  ImageFeatures(vlm::Vlm model, std::shared_ptr<vlm::ImageReader> images, TrainingSet& set, std::int64_t limit_mb,
                TrainingGroup* group = nullptr);

  /// Of images by index, in that order.
  vlm::TowerOutput fetch(std::span<const std::int64_t> indices);

  bool cached() const { return !cache_.empty(); }  ///< what was computed once is kept

 private:
  vlm::TowerOutput look_at(std::int64_t index) const;

  // One per image, empty until it is computed; features [1, V, F], or [P, F] where sizes differ.
  std::vector<vlm::TowerOutput> cache_;
  mutable vlm::Vlm model_{nullptr};
  std::shared_ptr<vlm::ImageReader> images_;
  std::vector<std::string> paths_;
};

}  // namespace scalselect::trainer
