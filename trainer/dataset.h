// Pool rows turned into token ids with targets, and the images that they use.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/sample.h"
#include "vlm/open_model.h"

namespace scalselect::trainer {

struct TrainingSample {
  std::int64_t row = 0;                  ///< of the pool
  std::vector<std::int64_t> ids;         ///< image placeholders expanded
  std::vector<std::uint8_t> supervised;  ///< one per token: 1 = to be predicted from the tokens before it
  std::vector<std::int64_t> images;      ///< indices into TrainingSet::images, in order of their placeholders

  std::int64_t length() const { return static_cast<std::int64_t>(ids.size()); }
  std::int64_t targets() const;  ///< supervised tokens that have a token before them
};

/// A row that cannot be trained on, and why.
struct SkippedRow {
  std::int64_t row = 0;
  std::string reason;
};

struct TrainingSet {
  std::vector<TrainingSample> samples;
  std::vector<std::string> images;  ///< unique paths, in order of first use
  std::vector<SkippedRow> skipped;
  std::vector<std::int64_t> cut;  ///< rows of `samples` that were longer than `max_length`

  std::vector<std::int64_t> lengths() const;
  /// SHA-256 over ids, targets and image paths: a checkpoint belongs to one digest.
  std::string digest() const;
};

/// One row rendered as in training, or why it cannot be used (`reject`); see make_training_set. The sample's `images`
/// are indices into the row's own list: 0, 1, ...
struct RenderedRow {
  TrainingSample sample;
  std::string reject;
  bool cut = false;  ///< it was longer than `max_length`
};
/// `image_tokens`: visual tokens of each image.
RenderedRow render_row(const Sample& sample, const vlm::ChatTemplate& chat, std::span<const std::int64_t> image_tokens,
                       std::int64_t max_length);

/// Renders `samples` as in training (answers and their end tokens are targets). Rows without a target, without turns,
/// with a missing image, or with unequal numbers of placeholders and images are listed in `skipped`, and a warning says
/// how many. Text-only rows are kept. A row longer than `max_length` tokens is cut there, and a warning says
/// how many are; a cut within an image's placeholders skips the row. Throws UserError(kInput) if no row is left.
TrainingSet make_training_set(std::span<const Sample> samples, const vlm::ChatTemplate& chat, vlm::ImageReader& images,
                              std::int64_t max_length);

/// The same where every image becomes `tokens_per_image` visual tokens; images are not opened.
TrainingSet make_training_set(std::span<const Sample> samples, const vlm::ChatTemplate& chat,
                              std::int64_t tokens_per_image, std::int64_t max_length);

}  // namespace scalselect::trainer
