#include "trainer/image_features.h"

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "data/image.h"
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

ImageFeatures::ImageFeatures(torch::Tensor features) : cache_(std::move(features)) {}

ImageFeatures::ImageFeatures(vlm::LlavaModel model, vlm::ImageProcessor processor, TrainingSet& set,
                             std::int64_t limit_mb)
    : model_(std::move(model)), processor_(std::move(processor)), paths_(set.images) {
  const auto& config = model_->config();
  const auto count = static_cast<std::int64_t>(paths_.size());
  const auto element = static_cast<std::int64_t>(torch::elementSize(model_->dtype()));
  const auto bytes = count * config.tokens_per_image() * config.feature_size() * element;
  if (count == 0 || bytes > (limit_mb << 20)) return;
  torch::NoGradGuard no_grad;
  auto features = torch::zeros({count, config.tokens_per_image(), config.feature_size()},
                               torch::TensorOptions().dtype(model_->dtype()));
  std::vector<std::string> broken(paths_.size());
  for (std::int64_t begin = 0; begin < count; begin += kChunk) {
    const auto size = std::min(kChunk, count - begin);
    std::vector<torch::Tensor> pixels;
    for (std::int64_t i = begin; i < begin + size; ++i) {
      try {
        pixels.push_back(processor_->process(decode_image(paths_[i])));
      } catch (const UserError& error) {
        broken[i] = error.problem();
        const auto& vision = config.vision;
        pixels.push_back(torch::zeros({vision.num_channels, vision.image_size, vision.image_size}));
      }
    }
    const auto batch = torch::stack(pixels).to(model_->device(), model_->dtype());
    features.narrow(0, begin, size).copy_(model_->encode_images(batch));
  }
  drop_samples(set, broken);
  cache_ = features;
}

torch::Tensor ImageFeatures::encode(std::span<const std::int64_t> indices) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> pixels;
  for (const auto index : indices) pixels.push_back(processor_->process(decode_image(paths_[index])));
  return model_->encode_images(torch::stack(pixels).to(model_->device(), model_->dtype()));
}

torch::Tensor ImageFeatures::fetch(std::span<const std::int64_t> indices) {
  if (!cached()) return encode(indices);
  const auto rows = torch::tensor(at::ArrayRef<std::int64_t>(indices.data(), indices.size()), torch::kInt64);
  return cache_.index_select(0, rows);
}

}  // namespace scalselect::trainer
