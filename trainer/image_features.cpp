#include "trainer/image_features.h"

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "trainer/dataset.h"

namespace scalselect::trainer {
namespace {

constexpr std::int64_t kChunk = 64;  // images a tower pass

/// Takes samples that look at an image of `broken` (index -> problem) out of the set.
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
  if (tokens * model_->values_per_token() * element > (limit_mb << 20)) return;
  torch::NoGradGuard no_grad;
  const auto size = images_->fixed_size();
  drop_samples(set, size ? fill(*size) : fill_one_by_one());
}

/// In chunks; an image that cannot be read is replaced by a black one. Returns what is wrong with each.
std::vector<std::string> ImageFeatures::fill(const vlm::ImageSize& size) {
  const auto count = static_cast<std::int64_t>(paths_.size());
  std::vector<std::string> broken(paths_.size());
  for (std::int64_t begin = 0; begin < count; begin += kChunk) {
    const auto end = std::min(begin + kChunk, count);
    std::vector<torch::Tensor> pixels;
    for (std::int64_t i = begin; i < end; ++i) {
      try {
        pixels.push_back(images_->pixels(paths_[i]).to(model_->dtype()));
      } catch (const UserError& error) {
        broken[i] = error.problem();
        pixels.push_back(torch::zeros({3, size.height, size.width}, model_->dtype()));
      }
    }
    const auto seen = model_->encode(pixels);
    const auto features = seen.features.cpu();
    for (std::int64_t i = begin; i < end; ++i) {
      cache_.push_back({features.narrow(0, i - begin, 1), {}, {seen.grids[i - begin]}});
    }
  }
  return broken;
}

std::vector<std::string> ImageFeatures::fill_one_by_one() {
  std::vector<std::string> broken(paths_.size());
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    cache_.emplace_back();
    try {
      cache_.back() = to_device(model_->encode({images_->pixels(paths_[i])}), torch::kCPU);
    } catch (const UserError& error) {
      broken[i] = error.problem();
    }
  }
  return broken;
}

vlm::TowerOutput ImageFeatures::fetch(std::span<const std::int64_t> indices) {
  if (!cached()) {
    torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> pixels;
    for (const auto index : indices) pixels.push_back(images_->pixels(paths_[index]).to(model_->dtype()));
    return model_->encode(pixels);
  }
  std::vector<vlm::TowerOutput> parts;
  for (const auto index : indices) parts.push_back(cache_[index]);
  return vlm::concatenate(parts);
}

}  // namespace scalselect::trainer
