// CLIP's image processor, bit for bit the slow (Pillow) one of HF: RGB -> resize the short edge with Pillow's bicubic
// -> centre crop -> x/255 -> normalise (transformers, image_processing_clip.py and image_transforms.py).
#pragma once

#include <torch/torch.h>

#include <array>
#include <filesystem>

#include "data/image.h"

namespace scalselect::vlm {

struct ImageProcessorOptions {
  bool do_resize = true;
  int shortest_edge = 224;    ///< size.shortest_edge; 0 if the file gives height and width
  int height = 0, width = 0;  ///< size.{height,width}: resized to exactly this, aspect ratio ignored
  bool do_center_crop = true;
  int crop_height = 224, crop_width = 224;
  bool do_rescale = true;
  double rescale_factor = 1.0 / 255.0;
  bool do_normalize = true;
  std::array<double, 3> mean{0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> std{0.26862954, 0.26130258, 0.27577711};
  /// Paste on a square canvas of colour int(255 * mean) first, as the original LLaVA-1.5 did (vlm.md section 4.3).
  bool pad_to_square = false;
};

class ImageProcessor {
 public:
  explicit ImageProcessor(ImageProcessorOptions options);

  /// Reads preprocessor_config.json of an HF folder (or the file itself). Throws UserError(kInput): missing, not JSON,
  /// a resampling other than bicubic (3), sizes that are not positive.
  static ImageProcessor load(const std::filesystem::path& folder, bool pad_to_square = false);

  /// Resized, padded and cropped pixels, before any arithmetic.
  Image geometry(const Image& image) const;

  /// float32 [3, H, W], contiguous, CPU.
  torch::Tensor process(const Image& image) const;

  const ImageProcessorOptions& options() const { return options_; }

 private:
  ImageProcessorOptions options_;
  std::array<std::array<float, 256>, 3> table_;  ///< channel, level -> normalised value
};

}  // namespace scalselect::vlm
