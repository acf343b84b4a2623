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

/// Cuts what is longer than `max_length`; returns why the sample cannot be used then, or nothing.
std::string cut(TrainingSample& made, std::int64_t image_id, std::int64_t visual_tokens, std::int64_t max_length) {
  if (made.length() > max_length) {
    std::int64_t visual = 0;
    for (std::int64_t i = 0; i < max_length; ++i) visual += made.ids[i] == image_id;
    if (visual != visual_tokens) return "its images do not fit into " + std::to_string(max_length) + " tokens";
    made.ids.resize(max_length);
    made.supervised.resize(max_length);
  }
  return made.targets() == 0 ? "no answer to learn" : "";
}

class SetBuilder {
 public:
  SetBuilder(const vlm::ChatTemplate& chat, std::int64_t tokens_per_image, std::int64_t max_length)
      : chat_(chat), tokens_per_image_(tokens_per_image), max_length_(max_length), images_(set_.images) {}

  void add(const Sample& sample) {
    auto reason = missing_image(sample);
    RenderedRow row;
    if (reason.empty()) {
      row = render_row(sample, chat_, tokens_per_image_, max_length_);
      reason = std::move(row.reject);
    }
    if (!reason.empty()) {
      set_.skipped.push_back({sample.row, std::move(reason)});
      return;
    }
    row.sample.images.clear();
    for (const auto& path : sample.images) row.sample.images.push_back(images_.index(path));
    set_.samples.push_back(std::move(row.sample));
  }

  TrainingSet take() { return std::move(set_); }

 private:
  std::string missing_image(const Sample& sample) {
    if (sample.turns.empty()) return "no turns";
    for (const auto& path : sample.images) {
      if (!images_.exists(path)) return "image " + path + " is missing";
    }
    return "";
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

RenderedRow render_row(const Sample& sample, const vlm::ChatTemplate& chat, std::int64_t tokens_per_image,
                       std::int64_t max_length) {
  if (sample.turns.empty()) return {{}, "no turns"};
  RenderedRow row;
  auto& made = row.sample;
  made.row = sample.row;
  const auto images = static_cast<std::int64_t>(sample.images.size());
  const std::vector<std::int64_t> tokens(sample.images.size(), tokens_per_image);
  try {
    auto rendered = chat.render(sample.turns, tokens, {.training = true});
    made.ids = std::move(rendered.ids);
    made.supervised = std::move(rendered.supervised);
  } catch (const UserError& error) {
    row.reject = error.problem();
    return row;
  }
  for (std::int64_t i = 0; i < images; ++i) made.images.push_back(i);
  row.reject = cut(made, chat.image_id(), tokens_per_image * images, max_length);
  return row;
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
