#include "trainer/dataset.h"

#include <algorithm>
#include <functional>
#include <numeric>
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
  /// Asks the file system once per path.
  bool exists(const std::string& path) { return known_.contains(path) || vlm::is_file(path); }

 private:
  std::vector<std::string>& paths_;
  std::unordered_map<std::string, std::int64_t> known_;
};

/// Visual tokens of a sample's images.
using ImageTokens = std::function<std::vector<std::int64_t>(std::span<const std::string>)>;

/// Truncates to `max_length`; sets why the sample then cannot be used, if it cannot. `visual`: image tokens of the
/// sample.
void cut(RenderedRow& row, std::int64_t image_id, std::int64_t visual, std::int64_t max_length) {
  auto& made = row.sample;
  row.cut = made.length() > max_length;
  if (row.cut) {
    if (std::count(made.ids.begin(), made.ids.begin() + max_length, image_id) != visual) {
      row.reject = "its images do not fit into " + std::to_string(max_length) + " tokens";
      return;
    }
    made.ids.resize(max_length);
    made.supervised.resize(max_length);
  }
  if (made.targets() == 0) row.reject = "no answer to learn";
}

class SetBuilder {
 public:
  SetBuilder(const vlm::ChatTemplate& chat, ImageTokens image_tokens, std::int64_t max_length)
      : chat_(chat), image_tokens_(std::move(image_tokens)), max_length_(max_length), images_(set_.images) {}

  void add(const Sample& sample) {
    auto row = render(sample);
    if (!row.reject.empty()) {
      set_.skipped.push_back({sample.row, std::move(row.reject)});
      return;
    }
    row.sample.images.clear();
    for (const auto& path : sample.images) row.sample.images.push_back(images_.index(path));
    if (row.cut) set_.cut.push_back(sample.row);
    set_.samples.push_back(std::move(row.sample));
  }

  TrainingSet finish() { return std::move(set_); }

 private:
  RenderedRow render(const Sample& sample) {
    if (sample.turns.empty()) return {{}, "no turns"};
    for (const auto& path : sample.images) {
      if (!images_.exists(path)) return {{}, "image " + path + " is missing"};
    }
    try {
      return render_row(sample, chat_, image_tokens_(sample.images), max_length_);
    } catch (const UserError& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      return {{}, error.problem()};
    }
  }

  const vlm::ChatTemplate& chat_;
  ImageTokens image_tokens_;
  std::int64_t max_length_;
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

RenderedRow render_row(const Sample& sample, const vlm::ChatTemplate& chat, std::span<const std::int64_t> image_tokens,
                       std::int64_t max_length) {
  if (sample.turns.empty()) return {{}, "no turns"};
  RenderedRow row;
  auto& made = row.sample;
  made.row = sample.row;
  try {
    auto rendered = chat.render(sample.turns, image_tokens, {.training = true});
    made.ids = std::move(rendered.ids);
    made.supervised = std::move(rendered.supervised);
  } catch (const UserError& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    row.reject = error.problem();
    return row;
  }
  made.images.resize(sample.images.size());
  std::iota(made.images.begin(), made.images.end(), 0);
  const auto visual = std::accumulate(image_tokens.begin(), image_tokens.end(), std::int64_t{0});
  cut(row, chat.image_id(), visual, max_length);
  if (row.reject.empty()) row.reject = chat.too_long(made.length());
  return row;
}

namespace {

TrainingSet make_set(std::span<const Sample> samples, const vlm::ChatTemplate& chat, ImageTokens image_tokens,
                     std::int64_t max_length) {
  SetBuilder builder(chat, std::move(image_tokens), max_length);
  for (const auto& sample : samples) builder.add(sample);
  auto set = builder.finish();
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
  if (!set.cut.empty()) {
    log_warning("training cuts {} of {} rows at {} tokens (max_length); the first is row {}", set.cut.size(),
                samples.size(), max_length, set.cut[0]);
  }
  return set;
}

}  // namespace

TrainingSet make_training_set(std::span<const Sample> samples, const vlm::ChatTemplate& chat, vlm::ImageReader& images,
                              std::int64_t max_length) {
  return make_set(
      samples, chat, [&](auto paths) { return images.image_tokens(paths); }, max_length);
}

TrainingSet make_training_set(std::span<const Sample> samples, const vlm::ChatTemplate& chat,
                              std::int64_t tokens_per_image, std::int64_t max_length) {
  const auto fixed = [=](auto paths) { return std::vector<std::int64_t>(paths.size(), tokens_per_image); };
  return make_set(samples, chat, fixed, max_length);
}

}  // namespace scalselect::trainer
