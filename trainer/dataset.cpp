#include "trainer/dataset.h"

#include <filesystem>
#include <unordered_map>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"

namespace scalselect::trainer {
namespace {

/// Numbers image paths in order of first use.
class ImageTable {
 public:
  explicit ImageTable(std::vector<std::string>& paths) : paths_(paths) {}

  std::int64_t index(const std::string& path) {
    const auto [entry, fresh] = known_.try_emplace(path, static_cast<std::int64_t>(paths_.size()));
    if (fresh) paths_.push_back(path);
    return entry->second;
  }
  /// Asks the file system once a path.
  bool exists(const std::string& path) {
    if (known_.count(path) > 0) return true;
    std::error_code error;
    return std::filesystem::exists(path, error);
  }

 private:
  std::vector<std::string>& paths_;
  std::unordered_map<std::string, std::int64_t> known_;
};

class SetBuilder {
 public:
  SetBuilder(const vlm::ChatTemplate& chat, std::int64_t tokens_per_image, std::int64_t max_length)
      : chat_(chat), tokens_per_image_(tokens_per_image), max_length_(max_length), images_(set_.images) {}

  void add(const Sample& sample) {
    TrainingSample made;
    made.row = sample.row;
    if (auto reason = render(sample, made); !reason.empty()) {
      set_.skipped.push_back({sample.row, std::move(reason)});
      return;
    }
    for (const auto& path : sample.images) made.images.push_back(images_.index(path));
    set_.samples.push_back(std::move(made));
  }

  TrainingSet take() { return std::move(set_); }

 private:
  /// Fills ids and targets; returns why the sample cannot be used, or nothing.
  std::string render(const Sample& sample, TrainingSample& made) {
    if (sample.turns.empty()) return "no turns";
    for (const auto& path : sample.images) {
      if (!images_.exists(path)) return "image " + path + " is missing";
    }
    const std::vector<std::int64_t> tokens(sample.images.size(), tokens_per_image_);
    vlm::RenderedChat chat;
    try {
      chat = chat_.render(sample.turns, tokens, {.training = true});
    } catch (const UserError& error) {
      return error.problem();
    }
    made.ids = std::move(chat.ids);
    made.supervised = std::move(chat.supervised);
    return cut(sample, made);
  }

  std::string cut(const Sample& sample, TrainingSample& made) const {
    if (made.length() > max_length_) {
      std::int64_t visual = 0;
      for (std::int64_t i = 0; i < max_length_; ++i) visual += made.ids[i] == chat_.image_id();
      if (visual != tokens_per_image_ * static_cast<std::int64_t>(sample.images.size())) {
        return "its images do not fit into " + std::to_string(max_length_) + " tokens";
      }
      made.ids.resize(max_length_);
      made.supervised.resize(max_length_);
    }
    return made.targets() == 0 ? "no answer to learn" : "";
  }

  const vlm::ChatTemplate& chat_;
  std::int64_t tokens_per_image_, max_length_;
  TrainingSet set_;
  ImageTable images_;
};

}  // namespace

std::int64_t TrainingSample::targets() const {
  std::int64_t count = 0;
  for (std::size_t i = 1; i < supervised.size(); ++i) count += supervised[i];
  return count;
}

std::vector<std::int64_t> TrainingSet::lengths() const {
  std::vector<std::int64_t> out;
  out.reserve(samples.size());
  for (const auto& sample : samples) out.push_back(sample.length());
  return out;
}

std::string TrainingSet::digest() const {
  Sha256 hash;
  for (const auto& sample : samples) {
    const std::int64_t sizes[] = {sample.length(), static_cast<std::int64_t>(sample.images.size())};
    hash.update(sizes, sizeof sizes);
    hash.update(sample.ids.data(), sample.ids.size() * sizeof sample.ids[0]);
    hash.update(sample.supervised.data(), sample.supervised.size());
    for (const auto image : sample.images) hash.update(images[image] + '\n');
  }
  return hash.finish();
}

TrainingSet make_training_set(std::span<const Sample> samples, const vlm::ChatTemplate& chat,
                              std::int64_t tokens_per_image, std::int64_t max_length) {
  SetBuilder builder(chat, tokens_per_image, max_length);
  for (const auto& sample : samples) builder.add(sample);
  auto set = builder.take();
  if (set.samples.empty()) {
    throw UserError(
        ErrorKind::kInput,
        "none of the " + std::to_string(samples.size()) + " rows can be trained on" +
            (set.skipped.empty() ? ""
                                 : " (row " + std::to_string(set.skipped[0].row) + ": " + set.skipped[0].reason + ")"),
        "Check pool and image root.");
  }
  if (!set.skipped.empty()) {
    log_warning("training leaves out {} of {} rows; the first is row {}: {}", set.skipped.size(), samples.size(),
                set.skipped[0].row, set.skipped[0].reason);
  }
  return set;
}

}  // namespace scalselect::trainer
