#include "trainer/image_features.h"

#include "core/error.h"
#include "core/log.h"
#include "trainer/dataset.h"
#include "vlm/sample_threads.h"

namespace scalselect::trainer {
namespace {

/// Removes samples that use an image of `broken` (index -> problem) from the set.
void drop_samples(TrainingSet& set, const std::vector<std::string>& broken) {
  const auto bad = [&](const TrainingSample& sample) {
    for (const auto image : sample.images) {
      if (broken[image].empty()) continue;
      set.skipped.push_back({sample.row, broken[image]});
      return true;
    }
    return false;
  };
  const auto before = set.samples.size();
  std::erase_if(set.samples, bad);
  if (before == set.samples.size()) return;
  const auto& last = set.skipped.back();
  log_warning("training leaves out {} rows with unreadable images, such as row {}: {}", before - set.samples.size(),
              last.row, last.reason);
  if (set.samples.empty()) {
    throw UserError(ErrorKind::kInput, "no image of the training rows can be read (" + last.reason + ")",
                    "Check pool and image root.");
  }
}

}  // namespace

ImageFeatures::ImageFeatures(const torch::Tensor& features) {
  for (std::int64_t i = 0; i < features.size(0); ++i) {
    cache_.push_back({features.narrow(0, i, 1), {}, {{1, features.size(1)}}});
  }
}

ImageFeatures::ImageFeatures(vlm::Vlm model, std::shared_ptr<vlm::ImageReader> images, TrainingSet& set,
                             std::int64_t limit_mb)
    : model_(std::move(model)), images_(std::move(images)), paths_(set.images) {
  std::int64_t tokens = 0;
  for (const auto count : images_->image_tokens(paths_)) tokens += count;
  const auto element = static_cast<std::int64_t>(torch::elementSize(model_->dtype()));
  const bool fits = tokens * model_->values_per_token() * element <= (limit_mb << 20);
  std::vector<std::string> broken(paths_.size());
  if (fits) cache_.resize(paths_.size());
  vlm::parallel_samples(std::ssize(paths_), [&](std::int64_t i) {
    try {
      if (fits) cache_[i] = vlm::to_device(look_at(i), torch::kCPU);
      else images_->pixels(paths_[i]);
    } catch (const UserError& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      broken[i] = error.problem();
    }
  });
  drop_samples(set, broken);
}

vlm::TowerOutput ImageFeatures::look_at(std::int64_t index) const {
  const auto pixels = images_->pixels(paths_[index]).to(model_->dtype());
  const vlm::DevicePermit permit(model_->device());
  return model_->encode({pixels});
}

vlm::TowerOutput ImageFeatures::fetch(std::span<const std::int64_t> indices) {
  std::vector<vlm::TowerOutput> parts(indices.size());
  if (cached()) {
    for (std::size_t i = 0; i < indices.size(); ++i) parts[i] = cache_[indices[i]];
  } else {
    vlm::parallel_samples(std::ssize(indices), [&](std::int64_t i) { parts[i] = look_at(indices[i]); });
  }
  return vlm::concatenate(parts);
}

}  // namespace scalselect::trainer
