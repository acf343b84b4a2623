#include "trainer/image_features.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/log.h"
#include "trainer/dataset.h"
#include "trainer/group.h"
#include "vlm/sample_threads.h"

namespace scalselect::trainer {
namespace {

using nlohmann::json;

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

/// body(i) on several threads for the i in [0, count) that fall to this process of the group.
void for_each_of_mine(std::int64_t count, const TrainingGroup* group, const std::function<void(std::int64_t)>& body) {
  const std::int64_t step = group == nullptr ? 1 : group->size(), first = group == nullptr ? 0 : group->rank();
  vlm::parallel_samples((count - first + step - 1) / step, [&](std::int64_t k) { body(first + k * step); });
}

/// The problems that the processes of the group have found, each with its images.
std::vector<std::string> known_by_any(TrainingGroup& group, const std::vector<std::string>& problems) {
  auto mine = json::array();
  for (std::size_t i = 0; i < problems.size(); ++i) {
    if (!problems[i].empty()) mine.push_back({i, problems[i]});
  }
  std::vector<std::string> all(problems.size());
  const auto report = mine.empty() ? std::string() : mine.dump(-1, ' ', false, json::error_handler_t::replace);
  for (const auto& text : gather(group, report)) {
    for (const auto& entry : text.empty() ? json::array() : json::parse(text))
      all.at(entry.at(0).get<std::size_t>()) = entry.at(1).get<std::string>();
  }
  return all;
}

}  // namespace

void share_image_tokens(std::span<const Sample> samples, vlm::ImageReader& images, TrainingGroup* group) {
  if (group == nullptr || images.fixed_size()) return;
  std::set<std::string> distinct;
  for (const auto& sample : samples) distinct.insert(sample.images.begin(), sample.images.end());
  const std::vector<std::string> paths(distinct.begin(), distinct.end());
  auto counts = torch::zeros({std::ssize(paths)}, torch::kInt64);
  auto* count = counts.data_ptr<std::int64_t>();
  for_each_of_mine(std::ssize(paths), group, [&](std::int64_t i) {
    try {
      if (vlm::is_file(paths[i])) count[i] = images.image_tokens(std::span(&paths[i], 1)).front();
    } catch (const UserError& error) {
      if (error.kind() != ErrorKind::kInput) throw;
    }
  });
  group->add_up(counts);
  count = counts.data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (count[i] > 0) images.know(paths[i], count[i]);
  }
}

ImageFeatures::ImageFeatures(const torch::Tensor& features) {
  for (std::int64_t i = 0; i < features.size(0); ++i) {
    cache_.push_back({features.narrow(0, i, 1), {}, {{1, features.size(1)}}});
  }
}

ImageFeatures::ImageFeatures(vlm::Vlm model, std::shared_ptr<vlm::ImageReader> images, TrainingSet& set,
                             std::int64_t limit_mb, TrainingGroup* group)
    : model_(std::move(model)), images_(std::move(images)), paths_(set.images) {
  std::int64_t tokens = 0;
  for (const auto count : images_->image_tokens(paths_)) tokens += count;
  const auto element = static_cast<std::int64_t>(torch::elementSize(model_->dtype()));
  const bool fits = tokens * model_->values_per_token() * element <= (limit_mb << 20);
  std::vector<std::string> broken(paths_.size());
  if (fits) cache_.resize(paths_.size());
  for_each_of_mine(std::ssize(paths_), group, [&](std::int64_t i) {
    try {
      if (fits && group == nullptr) cache_[i] = vlm::to_device(look_at(i), torch::kCPU);
      else images_->pixels(paths_[i]);
    } catch (const UserError& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      broken[i] = error.problem();
    }
  });
  if (group != nullptr) broken = known_by_any(*group, broken);
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
    std::set<std::int64_t> wanted;
    for (const auto index : indices) {
      if (!cache_[index].features.defined()) wanted.insert(index);
    }
    const std::vector<std::int64_t> missing(wanted.begin(), wanted.end());
    vlm::parallel_samples(std::ssize(missing), [&](std::int64_t i) {
      cache_[missing[i]] = vlm::to_device(look_at(missing[i]), torch::kCPU);
    });
    for (std::size_t i = 0; i < indices.size(); ++i) parts[i] = cache_[indices[i]];
  } else {
    vlm::parallel_samples(std::ssize(indices), [&](std::int64_t i) { parts[i] = look_at(indices[i]); });
  }
  return vlm::concatenate(parts);
}

}  // namespace scalselect::trainer
